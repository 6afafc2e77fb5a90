import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.coordinator.group.api.assignor.PartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;
import org.apache.kafka.timeline.SnapshotRegistry;
import org.apache.kafka.timeline.TimelineHashMap;

/** Kafka's own assignors as a filter: groups on the standard input, their target assignments on the standard output. */
class Assignors {

    private record Member(String instance, List<String> topics, Map<Uuid, Set<Integer>> target) { }

    private String assignor;
    private SubscriptionType type;
    private final Map<String, Uuid> ids = new HashMap<>();
    private final Map<Uuid, Integer> counts = new HashMap<>();
    private final TimelineHashMap<String, Member> members =
        new TimelineHashMap<>(new SnapshotRegistry(new LogContext()), 0);

    public static void main(String[] arguments) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in));
        var out = new StringBuilder();
        var group = new Assignors();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "group" -> {
                    group.assignor = words[1];
                    group.type = SubscriptionType.valueOf(words[2]);
                }
                case "topic" -> {
                    Uuid id = Uuid.fromString(words[1]);
                    group.ids.put(words[2], id);
                    group.counts.put(id, Integer.parseInt(words[3]));
                }
                case "member" -> group.members.put(words[1], new Member(
                    words[2].equals("-") ? null : words[2],
                    words[3].equals("-") ? List.of() : Arrays.asList(words[3].split(",")),
                    new HashMap<>()));
                case "target" -> group.members.get(words[1]).target.put(Uuid.fromString(words[2]),
                    new HashSet<>(Arrays.stream(words[3].split(",")).map(Integer::valueOf).toList()));
                case "assign" -> {
                    out.append(group.assign());
                    group = new Assignors();
                }
                default -> throw new IllegalArgumentException(line);
            }
        }
        System.out.print(out);
    }

    /** As TargetAssignmentBuilder puts a group before its assignor. */
    private String assign() {
        var specs = new HashMap<String, MemberSubscriptionAndAssignmentImpl>();
        var inverted = new HashMap<Uuid, Map<Integer, String>>();
        members.forEach((id, member) -> {
            var topics = new LinkedHashSet<Uuid>();
            new HashSet<>(member.topics).forEach(name -> topics.add(ids.get(name)));
            specs.put(id, new MemberSubscriptionAndAssignmentImpl(Optional.empty(), Optional.ofNullable(member.instance),
                topics, new Assignment(member.target)));
            member.target.forEach((topic, partitions) -> partitions.forEach(partition ->
                inverted.computeIfAbsent(topic, any -> new HashMap<>()).put(partition, id)));
        });
        PartitionAssignor by = assignor.equals("range") ? new RangeAssignor() : new UniformAssignor();
        var result = by.assign(new GroupSpecImpl(specs, type, inverted), new SubscribedTopicDescriber() {
            @Override
            public int numPartitions(Uuid topic) {
                return counts.getOrDefault(topic, -1);
            }

            @Override
            public Set<String> racksForPartition(Uuid topic, int partition) {
                return Set.of();
            }
        });
        var text = new StringBuilder();
        new TreeMap<>(result.members()).forEach((id, assignment) -> {
            var topics = new TreeMap<String, Set<Integer>>();
            assignment.partitions().forEach((topic, partitions) -> topics.put(topic.toString(), new TreeSet<>(partitions)));
            text.append(id).append(' ').append(topics).append('\n');
        });
        return text.append("end\n").toString();
    }
}
