// Frames as the server packs them: see apps/web/view/packet.py.

const MAGIC = 0x31564c4c; // "LLV1"

/** The frame in an ArrayBuffer, its layers by their names; the image is decoded. */
export async function unpack(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw new Error("no frame of leadline");
  const begin = 8 + view.getUint32(4, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, begin - 8)));
  const bytes = ([place, length]) => new Uint8Array(buffer, begin + place, length);
  const floats = ([place, length]) => new Float32Array(buffer, begin + place, length / 4);
  const layers = new Map();
  for (const layer of head.layers) {
    if (layer.form === "f32") layer.values = floats(layer.at);
    else if (layer.form === "u8") layer.values = bytes(layer.at);
    else layer.pixels = await decoded(bytes(layer.at));
    layers.set(layer.id, layer);
  }
  const cloud = head.cloud && {
    ...head.cloud, points: floats(head.cloud.points), colours: bytes(head.cloud.colours),
  };
  return { ...head, layers, cloud, flags: head.flags && bytes(head.flags) };
}

/** RGBA samples of a JPEG. */
async function decoded(content) {
  const bitmap = await createImageBitmap(new Blob([content], { type: "image/jpeg" }));
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
