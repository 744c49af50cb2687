// What the official Java client does with a server, and what it saw.
//
//   java -cp CLASSES:LIBRARIES Client URL TRANSPORTS
//
// Prints {"sid": …}, waits for an event "half" that somebody else has to send it, and prints one
// JSON object of facts; the judgement is in the Python test. Bytes are {"$binary": "hex"}, and
// whatever is not ASCII is escaped, since half a character has no place in an output stream.
import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.net.URI;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONObject;

public final class Client {
    static final int DEADLINE = 20;
    static final String HALF = "half \ud83d";

    public static void main(String[] arguments) throws Exception {
        String[] transports = arguments[1].split(",");
        IO.Options options = new IO.Options();
        options.transports = transports;
        options.reconnection = false;
        options.forceNew = true;
        options.auth = Map.of("tag", "java", "half", HALF);
        Socket socket = IO.socket(URI.create(arguments[0]), options);
        JSONObject facts = new JSONObject();
        try {
            converse(socket, transports, facts);
        } finally {
            socket.disconnect();
        }
        System.out.println(escaped(facts.toString()));
        // Not before the last packets have left, which the other side of this pipe knows.
        while (System.in.read() >= 0) {}
        System.exit(0); // connections that are kept alive would hold it up
    }

    static void converse(Socket socket, String[] transports, JSONObject facts) throws Exception {
        CompletableFuture<Object[]> connected = next(socket, Socket.EVENT_CONNECT);
        socket.once(Socket.EVENT_CONNECT_ERROR, error ->
            connected.completeExceptionally(new IllegalStateException(String.valueOf(error[0]))));
        CompletableFuture<Object[]> half = next(socket, "half");
        socket.connect();
        wait(connected);
        facts.put("sid", socket.id());
        System.out.println(new JSONObject().put("sid", socket.id()));
        // The upgrade is over when the server says that the other transport carries the session.
        String last = transports[transports.length - 1];
        JSONObject who;
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE);
        do {
            who = (JSONObject) ask(socket, "whoami")[0];
        } while (!who.getString("transport").equals(last) && System.nanoTime() < end);
        facts.put("transport", who.getString("transport"));
        facts.put("auth", who.getJSONObject("auth"));

        facts.put("half", plain(wait(half)));

        byte[] blob = new byte[1000];
        for (int i = 0; i < blob.length; i++) {
            blob[i] = (byte) i;
        }
        Object[] values = {
            "Gr\u00fc\u00dfe \ud83d\ude80", 1.5, true, blob, new byte[0], HALF,
            new JSONObject().put(HALF, new JSONArray().put(HALF).put(blob)),
        };
        CompletableFuture<Object[]> echo = next(socket, "echo");
        socket.emit("echo", values);
        facts.put("echo", plain(wait(echo)));
        facts.put("ack", plain(ask(socket, "ack", values)));

        socket.on("question", asked -> {
            Object[] answer = new Object[asked.length - 1];
            System.arraycopy(asked, 0, answer, 0, answer.length);
            ((Ack) asked[asked.length - 1]).call(answer);
        });
        facts.put("answer", plain(ask(socket, "ask", "question", HALF, blob)));

        CompletableFuture<Object[]> kinds = next(socket, "binary kinds");
        socket.emit("binary kinds");
        facts.put("kinds", plain(wait(kinds)));

        JSONArray numbers = new JSONArray();
        CompletableFuture<Object[]> counted = new CompletableFuture<>();
        socket.on("number", number -> {
            numbers.put(number[0]);
            if (numbers.length() == 200) {
                counted.complete(number);
            }
        });
        socket.emit("count", 200);
        wait(counted);
        facts.put("numbers", numbers);

        CompletableFuture<Object[]> gone = next(socket, Socket.EVENT_DISCONNECT);
        socket.emit("bye");
        facts.put("reason", wait(gone)[0]);

        // Once more, to leave by itself.
        CompletableFuture<Object[]> again = next(socket, Socket.EVENT_CONNECT);
        socket.connect();
        wait(again);
        facts.put("second sid", socket.id());
        CompletableFuture<Object[]> left = next(socket, Socket.EVENT_DISCONNECT);
        socket.disconnect();
        facts.put("own reason", wait(left)[0]);
    }

    static CompletableFuture<Object[]> next(Socket socket, String event) {
        CompletableFuture<Object[]> seen = new CompletableFuture<>();
        socket.once(event, seen::complete);
        return seen;
    }

    static Object[] ask(Socket socket, String event, Object... values) throws Exception {
        CompletableFuture<Object[]> answer = new CompletableFuture<>();
        socket.emit(event, values, answer::complete);
        return wait(answer);
    }

    static Object[] wait(CompletableFuture<Object[]> future) throws Exception {
        return future.get(DEADLINE, TimeUnit.SECONDS);
    }

    static Object plain(Object value) throws Exception {
        if (value instanceof byte[]) {
            StringBuilder hex = new StringBuilder();
            for (byte each : (byte[]) value) {
                hex.append(String.format("%02x", each));
            }
            return new JSONObject().put("$binary", hex.toString());
        }
        if (value instanceof Object[]) {
            JSONArray list = new JSONArray();
            for (Object item : (Object[]) value) {
                list.put(plain(item));
            }
            return list;
        }
        if (value instanceof JSONArray) {
            JSONArray list = new JSONArray();
            for (int i = 0; i < ((JSONArray) value).length(); i++) {
                list.put(plain(((JSONArray) value).get(i)));
            }
            return list;
        }
        if (value instanceof JSONObject) {
            JSONObject object = new JSONObject();
            for (Iterator<?> keys = ((JSONObject) value).keys(); keys.hasNext();) {
                String key = (String) keys.next();
                object.put(key, plain(((JSONObject) value).get(key)));
            }
            return object;
        }
        return value;
    }

    static String escaped(String json) {
        StringBuilder text = new StringBuilder();
        for (char each : json.toCharArray()) {
            text.append(each < 128 ? String.valueOf(each) : String.format("\\u%04x", (int) each));
        }
        return text.toString();
    }
}
