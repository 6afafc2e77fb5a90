// Writes test vectors of Kafka's messages: every message class, every version, as Kafka itself encodes them.
//
// Run by `cargo xtask vectors` with Kafka's jars on the class path. Each line of the output is the message's name, the
// version, the bytes in hexadecimal ("-" for none) and, for records, the JSON that Kafka's tools print for them.
// The values come from a generator seeded with the message's name, so that the output is the same on every run.

import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.jar.JarFile;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

public final class Vectors {
    /** How the fields of one message are filled. */
    private enum Filling { DEFAULTS, FULL, NULLS }

    private final Random random;
    private final Filling filling;
    private final Message message;
    private final short version;

    private Vectors(Message message, short version, Filling filling) {
        this.message = message;
        this.version = version;
        this.filling = filling;
        this.random = new Random((message.getClass().getSimpleName() + version + filling).hashCode());
    }

    public static void main(String[] arguments) throws Exception {
        try (PrintStream out = new PrintStream(arguments[0], StandardCharsets.UTF_8)) {
            for (Class<?> type : messageClasses().values()) {
                writeAll(type, out);
            }
        }
    }

    private static TreeMap<String, Class<?>> messageClasses() throws Exception {
        TreeMap<String, Class<?>> found = new TreeMap<>();
        for (String jar : System.getProperty("java.class.path").split(":")) {
            if (!jar.matches(".*/kafka[^/]*\\.jar")) {
                continue;
            }
            try (JarFile file = new JarFile(jar)) {
                for (var entry : file.stream().toList()) {
                    String path = entry.getName();
                    if (!path.matches("org/apache/kafka/(.*/)?(message|generated|common/metadata)/[A-Za-z]*\\.class")) {
                        continue;
                    }
                    Class<?> type = Class.forName(path.replace('/', '.').replace(".class", ""));
                    if (Message.class.isAssignableFrom(type) && !type.isInterface() && hasDefaultConstructor(type)
                        && !type.getName().contains("test")) {
                        found.put(messageName(type), type);
                    }
                }
            }
        }
        return found;
    }

    private static boolean hasDefaultConstructor(Class<?> type) {
        return Arrays.stream(type.getConstructors()).anyMatch(one -> one.getParameterCount() == 0);
    }

    private static String messageName(Class<?> type) {
        return type.getSimpleName().replaceFirst("(Request|Response|Header)Data$", "$1");
    }

    private static void writeAll(Class<?> type, PrintStream out) throws Exception {
        Message sample = (Message) type.getConstructor().newInstance();
        for (short version = sample.lowestSupportedVersion(); version <= sample.highestSupportedVersion(); version++) {
            String before = null;
            for (Filling filling : Filling.values()) {
                Message message = (Message) type.getConstructor().newInstance();
                Vectors vectors = new Vectors(message, version, filling);
                if (filling != Filling.DEFAULTS) {
                    vectors.fill(message);
                }
                byte[] bytes = vectors.encode();
                String line = bytes == null ? null : vectors.line(bytes);
                if (line != null && !line.equals(before)) {
                    out.print(line + "\n");
                }
                before = line;
            }
        }
    }

    private String line(byte[] bytes) throws Exception {
        String hex = bytes.length == 0 ? "-" : HexFormat.of().formatHex(bytes);
        String line = messageName(message.getClass()) + " " + version + " " + hex;
        if (!message.getClass().getSimpleName().matches(".*(Request|Response|Header)Data")) {
            Class<?> converter = Class.forName(message.getClass().getName() + "JsonConverter");
            Method write = converter.getMethod("write", message.getClass(), short.class);
            line += " " + write.invoke(null, message, version);
        }
        return line;
    }

    /** The message's bytes, or null if it cannot be encoded as it is. */
    private byte[] encode() {
        try {
            ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
            byte[] bytes = new byte[buffer.remaining()];
            buffer.get(bytes);
            return bytes;
        } catch (RuntimeException refused) {
            return null;
        }
    }

    /** Gives each field of `struct` a value, as far as the version can express it. */
    private void fill(Object struct) throws Exception {
        for (Field field : struct.getClass().getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers()) || field.getName().equals("_unknownTaggedFields")
                || field.getName().equals("next") || field.getName().equals("prev")) {
                continue;
            }
            field.setAccessible(true);
            if (filling == Filling.NULLS && !field.getType().isPrimitive() && tryValue(struct, field, null)) {
                continue;
            }
            fillField(struct, field);
        }
    }

    private void fillField(Object struct, Field field) throws Exception {
        Class<?> type = field.getType();
        if (Collection.class.isAssignableFrom(type)) {
            fillCollection(struct, field);
        } else if (Message.class.isAssignableFrom(type)) {
            Object inner = type.getConstructor().newInstance();
            if (tryValue(struct, field, inner)) {
                fill(inner);
            }
        } else {
            tryValue(struct, field, inRange(struct, field, value(type)));
        }
    }

    /** The value itself, or as much of it as an unsigned field holds: its setter refuses what is out of range. */
    private static Object inRange(Object struct, Field field, Object value) throws Exception {
        if (!(value instanceof Integer || value instanceof Long)) {
            return value;
        }
        String name = field.getName();
        String setter = "set" + Character.toUpperCase(name.charAt(0)) + name.substring(1);
        Object before = field.get(struct);
        try {
            struct.getClass().getMethod(setter, field.getType()).invoke(struct, value);
        } catch (InvocationTargetException refused) {
            return value instanceof Integer number ? (Object) (number & 0xffff) : (Object) ((Long) value & 0xffffffffL);
        } finally {
            field.set(struct, before);
        }
        return value;
    }

    @SuppressWarnings("unchecked")
    private void fillCollection(Object struct, Field field) throws Exception {
        Class<?> element = elementType(field);
        Class<?> type = field.getType();
        Collection<Object> collection =
            type == List.class ? new ArrayList<>() : (Collection<Object>) type.getConstructor().newInstance();
        if (!tryValue(struct, field, collection)) {
            return;
        }
        for (int count = filling == Filling.NULLS ? 2 : 1; count > 0; count--) {
            Object one = Message.class.isAssignableFrom(element) ? element.getConstructor().newInstance() : value(element);
            collection.add(one);
            if (encode() == null) {
                collection.remove(one);
                return;
            }
        }
        // Only now, for a collection that hashes its elements must not grow once they have changed.
        for (Object one : collection) {
            if (one instanceof Message) {
                fill(one);
            }
        }
    }

    private static Class<?> elementType(Field field) {
        Type type = field.getGenericType();
        if (type instanceof Class<?> collection) {
            type = collection.getGenericSuperclass();
        }
        return (Class<?>) ((ParameterizedType) type).getActualTypeArguments()[0];
    }

    /** Sets the field if the message can be encoded with the value. */
    private boolean tryValue(Object struct, Field field, Object value) throws IllegalAccessException {
        Object before = field.get(struct);
        field.set(struct, value);
        if (encode() != null) {
            return true;
        }
        field.set(struct, before);
        return false;
    }

    private Object value(Class<?> type) {
        if (type == boolean.class || type == Boolean.class) {
            return random.nextInt(4) > 0;
        } else if (type == byte.class || type == Byte.class) {
            return (byte) random.nextInt();
        } else if (type == short.class || type == Short.class) {
            return (short) random.nextInt();
        } else if (type == int.class || type == Integer.class) {
            return random.nextInt(4) == 0 ? random.nextInt() : random.nextInt(60000);
        } else if (type == long.class || type == Long.class) {
            return random.nextInt(2) == 0 ? random.nextLong() : random.nextInt() & 0xffffffffL;
        } else if (type == double.class) {
            return random.nextGaussian() * 1000;
        } else if (type == String.class) {
            return text();
        } else if (type == Uuid.class) {
            return new Uuid(random.nextLong(), random.nextLong());
        } else if (type == byte[].class) {
            return bytes();
        } else if (type == ByteBuffer.class) {
            return ByteBuffer.wrap(bytes());
        } else if (BaseRecords.class.isAssignableFrom(type)) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
        }
        throw new IllegalArgumentException(type.toString());
    }

    private byte[] bytes() {
        byte[] bytes = new byte[random.nextInt(6)];
        random.nextBytes(bytes);
        return bytes;
    }

    private String text() {
        String letters = "abcdefgh-._0189\u00e9\u20ac";
        int length = random.nextInt(30) == 0 ? 127 + random.nextInt(3) : random.nextInt(5);
        StringBuilder text = new StringBuilder();
        for (int at = 0; at < length; at++) {
            text.append(letters.charAt(random.nextInt(letters.length())));
        }
        return text.toString();
    }
}
