import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;

/** RE2/J, by which Kafka's group coordinator matches topics, as a filter: names, an empty line, and patterns come in. */
class TopicPatterns {

    public static void main(String[] arguments) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in));
        List<String> names = new ArrayList<>();
        for (String line = in.readLine(); !line.isEmpty(); line = in.readLine()) {
            names.add(line);
        }
        var out = new StringBuilder();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.append(judge(line, names)).append('\n');
        }
        System.out.print(out);
    }

    private static String judge(String regex, List<String> names) {
        try {
            Pattern pattern = Pattern.compile(regex);
            var matches = new StringBuilder("matches");
            names.stream().filter(name -> pattern.matcher(name).matches()).forEach(name -> matches.append(' ').append(name));
            return matches.toString();
        } catch (PatternSyntaxException wrong) {
            return "refused: " + wrong.getDescription();
        }
    }
}
