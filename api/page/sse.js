// Server-sent events out of a stream of bytes: the format alone, without a connection.

/** Gives `{id, event, data}` for each event in `body`, and null for each comment. */
export async function* events(body) {
  let rest = "";
  let fields = blank();
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (fields.data.length > 0) yield { ...fields, data: fields.data.join("\n") };
        fields = blank();
      } else if (line.startsWith(":")) {
        yield null;
      } else {
        read(line, fields);
      }
    }
  }
}

const blank = () => ({ id: null, event: "message", data: [] });

function read(line, fields) {
  const colon = line.indexOf(":");
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (name === "data") fields.data.push(value);
  else if (name === "id" || name === "event") fields[name] = value;
}
