import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

/**
 * Prints the hashes and partitions that the real Java client gives to some 200 keys; its output is
 * ../murmur2-vectors.json. Made once, with kafka-clients 4.3.1:
 *
 *   java -cp "kafka-4.3.1/libs/*" Murmur2Vectors.java > ../murmur2-vectors.json, then prettier
 */
public final class Murmur2Vectors {
    public static void main(String[] args) {
        List<byte[]> keys = new ArrayList<>();
        keys.add(new byte[0]);
        for (int length = 1; length <= 9; length++) {
            for (int fill : new int[] {0, 1, 0x7f, 0x80, 0xff}) {
                byte[] key = new byte[length];
                java.util.Arrays.fill(key, (byte) fill);
                keys.add(key);
            }
        }
        for (String text : List.of("21", "foobar", "a-little-bit-long-string", "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                "group:42", "single:alice:bob", "single:a%3Ab:c%25d", "group:家庭群", "группа", "😀", "e\u0301", "\u0000")) {
            keys.add(text.getBytes(StandardCharsets.UTF_8));
        }
        Random random = new Random(2025);
        while (keys.size() < 220) {
            byte[] key = new byte[random.nextInt(301)];
            random.nextBytes(key);
            keys.add(key);
        }
        StringBuilder json = new StringBuilder();
        json.append("{\n  \"madeBy\": \"test/support/java/Murmur2Vectors.java with kafka-clients 4.3.1 (org.apache.kafka.common.utils.Utils.murmur2, BuiltInPartitioner.partitionForKey)\",\n");
        json.append("  \"vectors\": [\n");
        for (int i = 0; i < keys.size(); i++) {
            byte[] key = keys.get(i);
            json.append(String.format("    { \"keyHex\": \"%s\", \"murmur2\": %d, \"of8\": %d, \"of1000\": %d }%s%n",
                    HexFormat.of().formatHex(key), Utils.murmur2(key), BuiltInPartitioner.partitionForKey(key, 8),
                    BuiltInPartitioner.partitionForKey(key, 1000), i + 1 < keys.size() ? "," : ""));
        }
        json.append("  ]\n}\n");
        System.out.print(json);
    }
}
