import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import org.apache.kafka.common.utils.Exit;

/** One run of one of Kafka's own command line tools, inside this process: what it printed, and how it would have exited. */
record ToolRun(int exitCode, String output) {

    /** Thrown in place of the end of the process. Some tools catch it and exit again, so the first code is the one. */
    private static final class Exited extends RuntimeException { }

    /** Runs the main method of a tool. */
    static ToolRun of(String tool, String... arguments) throws Exception {
        PrintStream out = System.out;
        PrintStream err = System.err;
        var written = new ByteArrayOutputStream();
        var codes = new ArrayList<Integer>();
        Exit.Procedure exit = (code, message) -> {
            codes.add(code);
            throw new Exited();
        };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        try (var capture = new PrintStream(written, true)) {
            System.setOut(capture);
            System.setErr(capture);
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (java.lang.reflect.InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Exited)) {
                throw new AssertionError(tool + " " + Arrays.toString(arguments) + "\n" + written, thrown.getCause());
            }
        } finally {
            System.setOut(out);
            System.setErr(err);
            Exit.resetExitProcedure();
            Exit.resetHaltProcedure();
        }
        return new ToolRun(codes.isEmpty() ? 0 : codes.get(0), written.toString());
    }

    /** The same run, which must have succeeded. */
    ToolRun succeeds() {
        Suite.check(exitCode == 0, "exit code " + exitCode + ": " + output);
        return this;
    }

    /** The same run, which must have printed this. */
    ToolRun prints(String wanted) {
        Suite.check(output.contains(wanted), "wanted \"" + wanted + "\" in: " + output);
        return this;
    }
}
