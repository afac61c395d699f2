"use strict";
// A zip file of files that are compressed already: stored as they are (PKWARE APPNOTE 6.3.10, without zip64).
const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const crc32 = (bytes) => {
  let sum = -1;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
};
const zipped = async (files) => {
  const parts = [], heads = [], numbers = (...pairs) => {
    const size = pairs.reduce((sum, [bytes]) => sum + bytes, 0), view = new DataView(new ArrayBuffer(size));
    let at = 0;
    for (const [bytes, value] of pairs) { bytes === 2 ? view.setUint16(at, value, true) : view.setUint32(at, value, true); at += bytes; }
    return new Uint8Array(view.buffer);
  };
  let offset = 0;
  for (const { name, blob } of files) {
    const title = new TextEncoder().encode(name), sum = crc32(new Uint8Array(await blob.arrayBuffer()));
    // Version 2.0, names in UTF-8, stored, 1 January 1980.
    const facts = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 33], [4, sum], [4, blob.size], [4, blob.size], [2, title.length], [2, 0]];
    const head = numbers([4, 0x04034b50], ...facts);
    heads.push(numbers([4, 0x02014b50], [2, 20], ...facts, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), title);
    parts.push(head, title, blob);
    offset += head.length + title.length + blob.size;
  }
  const size = heads.reduce((sum, part) => sum + part.length, 0);
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]);
  return new Blob([...parts, ...heads, end], { type: "application/zip" });
};
