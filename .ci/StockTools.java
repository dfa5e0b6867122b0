// Apache Kafka's own command line tools against `ottla serve`, as its users
// type them. One JVM runs all of them, one after the other: starting it is
// what takes long.
//
//   java -cp 'target/kafka/libs/*' .ci/StockTools.java target/release/ottla target/ci/stock-tools

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.common.utils.Exit;

public class StockTools {
    private static final PrintStream CONSOLE = System.out;
    /** What a tool wants done when its process ends: the producer sends its last batch then. */
    private static final List<Runnable> HOOKS = new ArrayList<>();
    private static String bootstrap;

    public static void main(String[] arguments) throws Exception {
        Exit.setExitProcedure((status, message) -> {
            throw new Exited(status);
        });
        Exit.setHaltProcedure((status, message) -> {
            throw new Exited(status);
        });
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        Path folder = Path.of(arguments[1]);
        try (Ottla ottla = Ottla.start(arguments[0], folder)) {
            aTopicLives();
            theAuthorsWalkThrough();
            recordsKeepWhatTheyCarry();
            everyCodecAndAcknowledgement();
            partsOfATopicAreRead();
            for (String protocol : List.of("classic", "consumer")) {
                groupsOf(protocol);
            }
            topicsAreFoundByPattern();
            settingsAreSeenAndChanged();
            theBrokerSaysWhatItSpeaks();
            theLastValueOfEachKeyIsLeft();
            theLogOfARunningBrokerIsRead(folder.resolve("data"));
        }
        try (Ottla ottla = Ottla.start(arguments[0], folder)) {
            everythingIsThereAfterARestart();
            topicsAreDeleted();
        }
        CONSOLE.println("all of Kafka's tools said what they say to Apache Kafka");
        Runtime.getRuntime().halt(0);
    }

    private static void aTopicLives() throws Exception {
        topics("--create", "--topic", "orders", "--partitions", "2").succeeds().says("Created topic orders.");
        topics("--create", "--topic", "orders").fails().says("already exists");
        topics("--create", "--topic", "orders", "--if-not-exists").succeeds();
        topics("--create", "--topic", "far", "--replication-factor", "3").fails().says("replication");
        topics("--create", "--topic", "no spaces").fails();
        topics("--alter", "--topic", "orders", "--partitions", "4").succeeds();
        topics("--describe", "--topic", "orders").succeeds()
            .says("PartitionCount: 4").says("ReplicationFactor: 1").says("Partition: 3\tLeader: 0\tReplicas: 0\tIsr: 0");
        topics("--alter", "--topic", "orders", "--partitions", "3").fails();
        topics("--describe", "--topic", "nowhere").fails().says("does not exist");
    }

    /** The walk-through that the seed links to: create, describe, list, produce, read from the beginning. */
    private static void theAuthorsWalkThrough() throws Exception {
        topics("--create", "--topic", "event.purchase", "--replication-factor", "1", "--partitions", "3")
            .succeeds().says("Created topic event.purchase.");
        topics("--describe", "--topic", "event.purchase").succeeds()
            .says("PartitionCount: 3").says("ReplicationFactor: 1");
        topics("--list").succeeds().says("event.purchase");
        produce("event.purchase", purchases());
        consume("--topic", "event.purchase", "--from-beginning", "--max-messages", "3").succeeds().isLines(purchases());
    }

    private static List<String> purchases() {
        return List.of("first purchase", "second purchase", "세 번째 구매");
    }

    private static void recordsKeepWhatTheyCarry() throws Exception {
        List<String> lines = List.of(
            "trace:first,trace:second\tkorean\t안녕하세요",
            "source:shop\tenglish\thello",
            "source:shop\tenglish\tNOTHING");
        topics("--create", "--topic", "rich", "--partitions", "1").succeeds();
        produce("rich", lines, "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
            "--reader-property", "null.marker=NOTHING");
        Outcome read = consume("--topic", "rich", "--from-beginning", "--max-messages", "3",
            "--formatter-property", "print.key=true", "--formatter-property", "print.headers=true",
            "--formatter-property", "print.offset=true", "--formatter-property", "null.literal=NOTHING");
        read.succeeds().is(IntStream.range(0, 3).mapToObj(i -> "Offset:" + i + "\t" + lines.get(i))
            .collect(Collectors.joining("\n")));
    }

    private static void everyCodecAndAcknowledgement() throws Exception {
        List<String> expected = new ArrayList<>();
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            List<String> lines = numbered(codec, 50);
            produce("codecs", lines, "--compression-codec", codec);
            expected.addAll(lines);
        }
        List<String> unacknowledged = numbered("acks=0", 20);
        produce("codecs", unacknowledged, "--command-property", "acks=0");
        expected.addAll(unacknowledged);
        String count = Integer.toString(expected.size());
        consume("--topic", "codecs", "--from-beginning", "--max-messages", count).succeeds().isLines(expected);
        offsets("--topic", "codecs").succeeds().says("codecs:0:" + count);
    }

    private static void partsOfATopicAreRead() throws Exception {
        topics("--create", "--topic", "parts", "--partitions", "1").succeeds();
        produce("parts", numbered("part", 10));
        consume("--topic", "parts", "--partition", "0", "--offset", "7", "--max-messages", "3")
            .succeeds().is("part 7\npart 8\npart 9");
        consume("--topic", "parts", "--partition", "0", "--offset", "earliest", "--max-messages", "1")
            .succeeds().is("part 0");
        consume("--topic", "parts", "--partition", "0", "--offset", "latest", "--timeout-ms", "1500").is("");
        offsets("--topic-partitions", "parts:0", "--time", "earliest").succeeds().is("parts:0:0");
        offsets("--topic-partitions", "parts:0", "--time", "max-timestamp").succeeds().says("parts:0:");
    }

    private static void groupsOf(String protocol) throws Exception {
        String topic = "read-" + protocol;
        String group = "group-" + protocol;
        topics("--create", "--topic", topic, "--partitions", "3").succeeds();
        produce(topic, numbered(protocol, 30));
        String[] member = {"--topic", topic, "--group", group, "--command-property", "group.protocol=" + protocol,
            "--command-property", "auto.offset.reset=earliest"};
        consume(with(member, "--max-messages", "30")).succeeds().isLines(numbered(protocol, 30));

        groups("--list").succeeds().says(group);
        groups("--list", "--state").succeeds().matches(group + "\\s+Empty");
        groups("--list", "--type", protocol).succeeds().says(group);
        groups("--describe", "--group", group).succeeds().matches(group + "\\s+" + topic + "\\s+\\d\\s+.*\\s0\\s");
        groups("--describe", "--group", group, "--state").succeeds().says("Empty");
        groups("--describe", "--group", group, "--members", "--verbose").succeeds().says("has no active members");

        produce(topic, numbered("later", 5));
        consume(with(member, "--max-messages", "5")).succeeds().isLines(numbered("later", 5));

        groups("--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--dry-run").succeeds();
        groups("--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute").succeeds()
            .matches(group + "\\s+" + topic + "\\s+2\\s+0");
        List<String> everything = new ArrayList<>(numbered(protocol, 30));
        everything.addAll(numbered("later", 5));
        consume(with(member, "--max-messages", "35")).succeeds().isLines(everything);

        groups("--delete-offsets", "--group", group, "--topic", topic).succeeds();
        groups("--describe", "--group", group).lacks(topic);
        groups("--delete", "--group", group).succeeds();
        groups("--list").succeeds().lacks(group);
        groups("--describe", "--group", group).says("GroupIdNotFoundException");
        // Read once more: what it commits is looked for after the restart.
        consume(with(member, "--max-messages", "35")).succeeds().isLines(everything);
    }

    private static void topicsAreFoundByPattern() throws Exception {
        for (String protocol : List.of("classic", "consumer")) {
            consume("--include", "event\\.pur.*", "--from-beginning", "--max-messages", "3",
                "--command-property", "group.protocol=" + protocol).succeeds().isLines(purchases());
        }
    }

    private static void settingsAreSeenAndChanged() throws Exception {
        String[] orders = {"--entity-type", "topics", "--entity-name", "orders"};
        configs(with(orders, "--alter", "--add-config", "retention.ms=60000,cleanup.policy=compact"))
            .succeeds().says("Completed updating config");
        configs(with(orders, "--describe")).succeeds()
            .says("retention.ms=60000").says("cleanup.policy=compact").says("DYNAMIC_TOPIC_CONFIG");
        configs(with(orders, "--alter", "--delete-config", "retention.ms")).succeeds();
        configs(with(orders, "--describe")).succeeds().lacks("retention.ms=60000");
        configs(with(orders, "--describe", "--all")).succeeds().says("max.message.bytes").says("DEFAULT_CONFIG");
        configs(with(orders, "--alter", "--add-config", "retention.ms=soon")).fails();
        configs(with(orders, "--alter", "--add-config", "no.such.config=1")).fails();
        configs("--entity-type", "brokers", "--entity-name", "0", "--describe", "--all").succeeds()
            .says("log.retention.hours");
        topics("--create", "--topic", "short", "--config", "retention.ms=1000").succeeds();
        topics("--describe", "--topic", "short").succeeds().says("retention.ms=1000");
        topics("--describe", "--topics-with-overrides").succeeds().says("Topic: short");
        topics("--create", "--topic", "wrong", "--config", "retention.ms=soon").fails();
    }

    private static void theBrokerSaysWhatItSpeaks() throws Exception {
        tool("BrokerApiVersionsCommand").succeeds()
            .says("(id: 0 rack: null").says("Produce(0): 0 to 13").says("ConsumerGroupHeartbeat(68): 0 to 1");
    }

    /** Segments, both indexes and the producers' snapshots, while the broker goes on. */
    private static void theLogOfARunningBrokerIsRead(Path data) throws Exception {
        topics("--create", "--topic", "dumped", "--partitions", "1", "--config", "segment.bytes=1048576",
            "--config", "flush.messages=1").succeeds();
        String kilobyte = "x".repeat(1_000);
        int count = 4_000;
        produce("dumped", numbered(kilobyte, count), "--compression-codec", "none",
            "--command-property", "enable.idempotence=true");
        Path folder = data.resolve("dumped-0");
        List<Path> logs = files(folder, ".log");
        List<Path> closed = logs.subList(0, logs.size() - 1);
        if (closed.size() < 3) {
            throw new AssertionError("too few segments: " + logs);
        }
        Outcome batches = dump("--deep-iteration", "--files", joined(logs)).succeeds()
            .says("baseOffset: 0 ").says("isvalid: true").lacks("isvalid: false");
        long records = batches.out().lines().filter(line -> line.startsWith("| offset: ")).count();
        batches.holds(records == count, count + " records, not " + records);
        for (String suffix : List.of(".index", ".timeindex")) {
            List<Path> indexes = files(folder, suffix);
            if (indexes.size() < closed.size()) {
                throw new AssertionError("too few indexes: " + indexes);
            }
            dump("--verify-index-only", "--files", joined(indexes)).succeeds().lacks("ismatch").lacks("Found");
            dump("--index-sanity-check", "--files", joined(indexes)).succeeds().says("passed sanity check.");
        }
        List<Path> snapshots = files(folder, ".snapshot");
        dump("--files", joined(snapshots)).succeeds().matches("producerId: \\d+ producerEpoch: 0 .*lastSequence: \\d+");
        // The broker was not in its way.
        produce("dumped", List.of("one more"));
        offsets("--topic", "dumped").succeeds().says("dumped:0:" + (count + 1));
    }

    /** Compaction: at the offset it always had. */
    private static void theLastValueOfEachKeyIsLeft() throws Exception {
        topics("--create", "--topic", "table", "--config", "cleanup.policy=compact", "--config", "segment.ms=100",
            "--config", "segment.bytes=1048576", "--config", "min.cleanable.dirty.ratio=0.01").succeeds();
        String[] keyed = {"--reader-property", "parse.key=true", "--reader-property", "key.separator=:"};
        produce("table", IntStream.range(0, 2000).mapToObj(i -> "key-" + i % 20 + ":value " + i).toList(), keyed);
        Thread.sleep(200);
        // A segment is closed by the first record that comes too late for it.
        produce("table", List.of("key-0:the last"), keyed);
        String expected = IntStream.range(1980, 2000)
            .mapToObj(i -> "Offset:" + i + "\tkey-" + i % 20 + "\tvalue " + i).collect(Collectors.joining("\n"))
            + "\nOffset:2000\tkey-0\tthe last";
        Outcome read;
        int tries = 0;
        do {
            read = consume("--topic", "table", "--partition", "0", "--offset", "earliest", "--timeout-ms", "1000",
                "--formatter-property", "print.key=true", "--formatter-property", "print.offset=true");
        } while (!read.out.strip().equals(expected) && ++tries < 10);
        read.is(expected);
    }

    private static List<Path> files(Path folder, String suffix) throws Exception {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
        }
    }

    private static String joined(List<Path> files) {
        return files.stream().map(Path::toString).collect(Collectors.joining(","));
    }

    private static void everythingIsThereAfterARestart() throws Exception {
        consume("--topic", "event.purchase", "--from-beginning", "--max-messages", "3").succeeds().isLines(purchases());
        for (String protocol : List.of("classic", "consumer")) {
            groups("--describe", "--group", "group-" + protocol).succeeds().matches("read-" + protocol + "\\s+0\\s+\\d+");
            produce("read-" + protocol, numbered("restarted", 4));
            consume("--topic", "read-" + protocol, "--group", "group-" + protocol, "--max-messages", "4",
                "--command-property", "group.protocol=" + protocol).succeeds().isLines(numbered("restarted", 4));
        }
        topics("--describe", "--topic", "short").succeeds().says("retention.ms=1000");
    }

    private static void topicsAreDeleted() throws Exception {
        topics("--delete", "--topic", "event.purchase").succeeds();
        topics("--list").succeeds().lacks("event.purchase");
        topics("--delete", "--topic", "event.purchase").fails().says("does not exist");
    }

    private static List<String> numbered(String word, int count) {
        return IntStream.range(0, count).mapToObj(i -> word + " " + i).toList();
    }

    private static String[] with(String[] first, String... more) {
        List<String> all = new ArrayList<>(List.of(first));
        all.addAll(List.of(more));
        return all.toArray(new String[0]);
    }

    private static Outcome topics(String... arguments) throws Exception {
        return tool("TopicCommand", arguments);
    }

    private static Outcome groups(String... arguments) throws Exception {
        return tool("consumer.group.ConsumerGroupCommand", arguments);
    }

    private static Outcome offsets(String... arguments) throws Exception {
        return tool("GetOffsetShell", arguments);
    }

    private static Outcome configs(String... arguments) throws Exception {
        return run("kafka.admin.ConfigCommand", "", arguments);
    }

    /** The one tool that asks no broker. */
    private static Outcome dump(String... arguments) throws Exception {
        return runAsTyped("org.apache.kafka.tools.DumpLogSegments", "", arguments);
    }

    private static Outcome consume(String... arguments) throws Exception {
        // A consumer that gets less than it waits for ends all the same.
        boolean limited = List.of(arguments).contains("--timeout-ms");
        return tool("consumer.ConsoleConsumer", limited ? arguments : with(arguments, "--timeout-ms", "30000"));
    }

    private static void produce(String topic, List<String> lines, String... arguments) throws Exception {
        run("org.apache.kafka.tools.ConsoleProducer", String.join("\n", lines) + "\n",
            with(arguments, "--topic", topic)).succeeds();
    }

    private static Outcome tool(String name, String... arguments) throws Exception {
        return run("org.apache.kafka.tools." + name, "", arguments);
    }

    /** Runs a tool's main method as its shell script would. */
    private static Outcome run(String className, String input, String... arguments) throws Exception {
        return runAsTyped(className, input, with(new String[] {"--bootstrap-server", bootstrap}, arguments));
    }

    private static Outcome runAsTyped(String className, String input, String... arguments) throws Exception {
        String command = className.substring(className.lastIndexOf('.') + 1) + " " + String.join(" ", arguments);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream errors = new ByteArrayOutputStream();
        long began = System.nanoTime();
        int status = 0;
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(errors, true, StandardCharsets.UTF_8));
        Exited.first = null;
        try {
            Class.forName(className).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (java.lang.reflect.InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Exited)) {
                thrown.getCause().printStackTrace();
                status = 1;
            }
        } finally {
            HOOKS.forEach(Runnable::run);
            HOOKS.clear();
            System.setOut(CONSOLE);
        }
        if (Exited.first != null) {
            status = Exited.first;
        }
        CONSOLE.printf("%6d ms  %s%n", (System.nanoTime() - began) / 1_000_000, command);
        return new Outcome(command, status, out.toString(StandardCharsets.UTF_8), errors.toString(StandardCharsets.UTF_8));
    }

    /** A tool wants to end the process. */
    private static final class Exited extends Error {
        /** The first status asked for: tools may catch this error and ask again. */
        static Integer first;

        Exited(int status) {
            super("exit " + status, null, false, false);
            if (first == null) {
                first = status;
            }
        }
    }

    /** What a tool printed and how it ended. */
    private record Outcome(String command, int status, String out, String errors) {
        Outcome succeeds() {
            return holds(status == 0, "exit status 0");
        }

        Outcome fails() {
            return holds(status != 0, "an exit status that says it failed");
        }

        Outcome says(String text) {
            return holds((out + errors).contains(text), "“" + text + "”");
        }

        Outcome lacks(String text) {
            return holds(!out.contains(text), "no “" + text + "”");
        }

        Outcome matches(String pattern) {
            return holds(Pattern.compile(pattern).matcher(out).find(), "a match of " + pattern);
        }

        Outcome is(String text) {
            return holds(out.strip().equals(text), "exactly\n" + text);
        }

        /** The same lines, each as often, in any order: partitions have none among them. */
        Outcome isLines(List<String> expected) {
            List<String> lines = out.lines().sorted().toList();
            return holds(lines.equals(expected.stream().sorted().toList()), "the lines " + expected);
        }

        private Outcome holds(boolean condition, String expected) {
            if (!condition) {
                CONSOLE.println("\n" + command + "\nexpected " + expected + "\nexit status " + status
                    + "\n--- its output\n" + out + "--- its errors\n" + errors);
                Runtime.getRuntime().halt(1);
            }
            return this;
        }
    }

    /** `ottla serve`, stopped in order. */
    private record Ottla(Process process) implements AutoCloseable {
        static Ottla start(String binary, Path folder) throws Exception {
            Path ready = folder.resolve("ready.json");
            Files.createDirectories(folder);
            Files.deleteIfExists(ready);
            Process process = new ProcessBuilder(binary, "serve", "--listen", "127.0.0.1:0",
                "--data", folder.resolve("data").toString(), "--ready-file", ready.toString(),
                "--exit-with-stdin",
                // These only wait, for members that may come and for the next assignment.
                "--set", "group.initial.rebalance.delay.ms=0",
                "--set", "group.consumer.assignment.interval.ms=0",
                // How long compaction may wait before it looks: 15 s.
                "--set", "log.cleaner.backoff.ms=500")
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.appendTo(new File(folder.toFile(), "ottla.log")))
                .start();
            for (int tries = 0; !Files.exists(ready); tries++) {
                if (tries == 200 || !process.isAlive()) {
                    throw new TimeoutException("ottla serve did not start; see " + folder.resolve("ottla.log"));
                }
                Thread.sleep(50);
            }
            bootstrap = Files.readString(ready).replaceAll("(?s).*\"bootstrap\":\"([^\"]+)\".*", "$1");
            return new Ottla(process);
        }

        @Override
        public void close() throws Exception {
            process.destroy();
            if (!process.waitFor(20, TimeUnit.SECONDS) || process.exitValue() != 0) {
                process.destroyForcibly();
                throw new TimeoutException("ottla serve did not stop in order");
            }
        }
    }
}
