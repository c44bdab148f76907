import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Prints a topic from its beginning to its present end, read_committed: arguments are brokers, topic, field and record separator. */
class ReadTopic {
  public static void main(String[] args) throws Exception {
    Map<String, Object> settings =
        Map.of("bootstrap.servers", args[0], "isolation.level", "read_committed", "enable.auto.commit", "false");
    byte[] field = args[2].getBytes();
    byte[] end = (args[3] + "\n").getBytes();
    try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 20))) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(args[1]).stream().map(info -> new TopicPartition(args[1], info.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(one -> consumer.position(one) < ends.get(one))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
          out.write((record.partition() + "").getBytes());
          out.write(field);
          out.write((record.offset() + "").getBytes());
          out.write(field);
          out.write(record.key() == null ? new byte[0] : record.key());
          out.write(field);
          out.write(record.value() == null ? new byte[0] : record.value());
          out.write(end);
        }
      }
    }
  }
}
