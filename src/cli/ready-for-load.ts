// V8 takes a process that idles for one that is done, and gives up what the next minute of load has to build again.

import { setFlagsFromString } from 'node:v8'

/** For the whole process, so nothing that others embed may call it. V8 reads each of them when it is about to do the thing. */
export function stayReadyForLoad(): void {
  // After some idle seconds the young generation is down to a MiB or two, and under load it is doubled step by step. While it is small,
  // objects of requests under way are taken for lasting ones: every second the whole heap is marked, by other threads too. Like this the
  // first step leads back to its full size, which it would reach anyway; it still shrinks when there is nothing to do.
  setFlagsFromString('--semi-space-growth-factor=16')
  // Of functions that no request has called for a while the code is thrown away, optimized or not, and with it what was learned of them:
  // what is compiled after a quiet minute cost a request a tenth more, for good. All there is to keep is some MiB.
  setFlagsFromString('--no-flush-bytecode')
  // In quiet times V8 also collects to give memory back, from half a minute after the last full collection on. Where no connection is open
  // then, the hidden classes of all that belongs to one go too, and with them the code that counts on these: the next second of load cost
  // a half more, and it took some seconds until the best code was there again. So that has ten minutes to wait.
  setFlagsFromString('--gc-memory-reducer-start-delay-ms=600000')
  setFlagsFromString('--memory-reducer-delay-ms=600000')
}
