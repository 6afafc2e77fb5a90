import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;

/** The Java client and Kafka's tools against the broker at $BOOTSTRAP: a line per case, and an exit code. */
public final class Suite {
    static final String BOOTSTRAP = System.getenv("BOOTSTRAP");
    /** How many brokers there are, and how many replicas the topics have: all that there may be, up to three. */
    static final int BROKERS = BOOTSTRAP.split(",").length;
    static final short REPLICAS = (short) Math.min(BROKERS, 3);
    /** At the end of every topic name, so that the suite can run twice against one broker. */
    static final String RUN = "-" + ProcessHandle.current().pid();

    interface Body {
        void run() throws Exception;
    }

    private Suite() { }

    public static void main(String[] arguments) {
        Map<String, Body> cases = new LinkedHashMap<>();
        ClientCases.addTo(cases);
        GroupCases.addTo(cases);
        ConsumerGroupCases.addTo(cases);
        AdminCases.addTo(cases);
        QuotaCases.addTo(cases);
        ToolCases.addTo(cases);
        int failed = 0;
        for (var each : cases.entrySet()) {
            long started = System.currentTimeMillis();
            try {
                each.getValue().run();
                double seconds = (System.currentTimeMillis() - started) / 1000.0;
                System.out.printf("PASS java: %s (%.1f s)%n", each.getKey(), seconds);
            } catch (Throwable problem) {
                failed++;
                System.out.printf("FAIL java: %s%n", each.getKey());
                problem.printStackTrace(System.out);
            }
        }
        System.out.printf("java: %d passed, %d failed%n", cases.size() - failed, failed);
        System.out.flush();
        Runtime.getRuntime().halt(failed == 0 ? 0 : 1);
    }

    static void check(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    static void equal(String what, Object got, Object wanted) {
        check(Objects.deepEquals(got, wanted), what + ": wanted " + wanted + ", got " + got);
    }

    /** The call must fail with this kind of error. */
    static void fails(Class<? extends Throwable> kind, Body call) throws Exception {
        try {
            call.run();
        } catch (ExecutionException thrown) {
            check(kind.isInstance(thrown.getCause()), "wanted " + kind + ", got " + thrown.getCause());
            return;
        }
        throw new AssertionError("accepted instead of " + kind);
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    static void eventually(String what, Condition condition) throws Exception {
        long deadline = System.currentTimeMillis() + 30_000;
        while (!condition.holds()) {
            check(System.currentTimeMillis() < deadline, "not within 30 s: " + what);
            Thread.sleep(50);
        }
    }

    static List<Integer> numbers(int count) {
        return java.util.stream.IntStream.range(0, count).boxed().toList();
    }
}
