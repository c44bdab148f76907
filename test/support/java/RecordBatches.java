import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;

/**
 * Prints record batches as the real Java client encodes and compresses them; its output is ../java-record-batches.json.
 * Made once, with kafka-clients 4.3.1:
 *
 *   java -cp "kafka-4.3.1/libs/*" RecordBatches.java > ../java-record-batches.json, then prettier
 */
public final class RecordBatches {
    private static final long TIMESTAMP = 1_764_000_000_000L;
    private static final long PRODUCER_ID = 4_000_000_123L;

    public static void main(String[] args) {
        List<String> batches = new ArrayList<>();
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            batches.add(entry(codec, codec, MemoryRecords.withRecords(RecordBatch.MAGIC_VALUE_V2, 7_000_000_000L,
                    Compression.of(codec).build(), TimestampType.CREATE_TIME, records(20, 40))));
            // More than one block of every codec.
            if (!codec.equals("none")) batches.add(entry(codec + ", large", codec, MemoryRecords.withRecords(RecordBatch.MAGIC_VALUE_V2, 0L,
                    Compression.of(codec).build(), TimestampType.CREATE_TIME, records(40, 3_000))));
        }
        batches.add(entry("transactional", "none", MemoryRecords.withTransactionalRecords(RecordBatch.MAGIC_VALUE_V2, 100L,
                Compression.NONE, PRODUCER_ID, (short) 3, 17, 5, records(3, 10))));
        batches.add(entry("abort marker", "none", MemoryRecords.withEndTransactionMarker(103L, TIMESTAMP, 5, PRODUCER_ID,
                (short) 3, new EndTransactionMarker(ControlRecordType.ABORT, 1))));
        batches.add(entry("commit marker", "none", MemoryRecords.withEndTransactionMarker(104L, TIMESTAMP, 5, PRODUCER_ID,
                (short) 3, new EndTransactionMarker(ControlRecordType.COMMIT, 1))));
        System.out.println("{\n\"madeBy\": \"test/support/java/RecordBatches.java with kafka-clients 4.3.1\",\n\"batches\": [");
        System.out.println(String.join(",\n", batches));
        System.out.println("]\n}");
    }

    /** Record i: key null for every fifth, value `size` characters (null for every seventh), up to three headers. */
    private static SimpleRecord[] records(int count, int size) {
        SimpleRecord[] records = new SimpleRecord[count];
        for (int i = 0; i < count; i++) {
            byte[] key = i % 5 == 4 ? null : ("key-" + i).getBytes(StandardCharsets.UTF_8);
            byte[] value = i % 7 == 6 ? null : text(i, size).getBytes(StandardCharsets.UTF_8);
            List<Header> headers = new ArrayList<>();
            for (int h = 0; h < i % 4; h++) headers.add(new RecordHeader("h" + h % 2, h == 1 ? null : new byte[] {(byte) i, (byte) h}));
            records[i] = new SimpleRecord(TIMESTAMP + i, key, value, headers.toArray(new Header[0]));
        }
        return records;
    }

    /** Compressible, but not one run. */
    private static String text(int seed, int size) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; text.length() < size; i++) text.append("消息 ").append(seed + i % 5).append(';');
        return text.substring(0, size);
    }

    private static String entry(String name, String codec, MemoryRecords records) {
        ByteBuffer buffer = records.buffer().duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        StringBuilder content = new StringBuilder();
        records.records().forEach(record -> {
            if (content.length() > 0) content.append(",\n");
            content.append(String.format("{\"offset\": %d, \"timestamp\": %d, \"key\": %s, \"valueBytes\": %d, \"headers\": %d}",
                    record.offset(), record.timestamp(), text(record.key()), record.valueSize(), record.headers().length));
        });
        return String.format("{\"name\": \"%s\", \"codec\": \"%s\", \"base64\": \"%s\",\n\"records\": [%s]}", name, codec,
                Base64.getEncoder().encodeToString(bytes), content);
    }

    private static String text(ByteBuffer key) {
        if (key == null) return "null";
        byte[] bytes = new byte[key.remaining()];
        key.duplicate().get(bytes);
        return "\"" + (bytes.length == 4 && bytes[0] == 0 ? "marker" : new String(bytes, StandardCharsets.UTF_8)) + "\"";
    }
}
