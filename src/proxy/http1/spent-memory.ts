// Gives the memory of a client's bytes back once they have been sent on. An accepted socket has no read buffer of its own: Node takes
// new memory for each read. Left to the garbage collector, the 64 KiB reads of large uploads have it walk the whole heap a dozen times
// a second, which costs more than everything else that is done for them.

/** Less is cheaper to collect than to give back one by one. */
const WORTH_IT_BYTES = 8192

/**
 * The bytes, and whatever else lies in the same memory, are gone at once: every view of it is empty from now on. For bytes as a socket
 * handed them over, all of them sent. Memory that holds more than them is left alone (small buffers share it).
 */
export function giveBack(bytes: Buffer): void {
  const memory = bytes.buffer
  if (bytes.length < WORTH_IT_BYTES || bytes.length !== memory.byteLength || !(memory instanceof ArrayBuffer)) return
  memory.transfer(0)
}
