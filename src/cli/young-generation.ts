// How V8 sizes the memory of what a request leaves behind.

import { setFlagsFromString } from 'node:v8'

/**
 * After some idle seconds V8 takes its young generation down to a MiB or two, and under load doubles it step by step. While it is small,
 * objects of requests under way are taken for lasting ones: every second the whole heap is marked, by other threads too. With this it is
 * back at its full size, which it would reach anyway, after the first step; it still shrinks when there is nothing to do.
 *
 * For the whole process, so nothing that others embed may call it. V8 reads the factor whenever it grows.
 */
export function growYoungGenerationAtOnce(): void {
  setFlagsFromString('--semi-space-growth-factor=16')
}
