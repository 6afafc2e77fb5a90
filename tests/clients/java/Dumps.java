import java.util.Arrays;
import java.util.List;
import org.apache.kafka.tools.DumpLogSegments;

/** Several runs of Kafka's log tool in one process: `Dumps ARGUMENTS... ; ARGUMENTS...`, with a line `;` between what they print. */
public final class Dumps {
    private Dumps() { }

    public static void main(String[] arguments) throws Exception {
        List<String> left = Arrays.asList(arguments);
        while (true) {
            int end = left.indexOf(";");
            DumpLogSegments.main((end < 0 ? left : left.subList(0, end)).toArray(String[]::new));
            if (end < 0) {
                return;
            }
            System.out.println(";");
            left = left.subList(end + 1, left.size());
        }
    }
}
