// Gives the memory of a client's bytes back once they have been read or sent on: Node takes new memory for each read of an accepted socket.
// Left to the garbage collector, the 64 KiB reads of large uploads have it walk the whole heap a dozen times a second, and small reads go
// to memory that no processor has in its cache.

/**
 * The bytes, and whatever else lies in the same memory, are gone at once: every view of it is empty from now on. For bytes as a socket
 * handed them over, all of them read or sent. Memory that holds more than them is left alone (small buffers share it).
 */
export function giveBack(bytes: Buffer): void {
  const memory = bytes.buffer
  if (bytes.length !== memory.byteLength || !(memory instanceof ArrayBuffer)) return
  memory.transfer(0)
}
