// What moves along a link. Elements of their own above the drawing, moved by transform alone: the browser does that beside the page's
// thread. As shapes of the drawing they took half of that thread, at any rate of requests.

import { h } from './element.js'

/** Pixels of a path between two points of the movement: finer than anybody sees on its curves. */
const stepLength = 9
/** Milliseconds in which a dot comes and goes. */
const fadeMs = 120

/** How many dots, how fast, and how many of them are failures: in few steps, so that they do not start anew each second. */
export function movement({ rate: perSecond, errors }, isCrossing) {
  if (perSecond === 0) return { dots: 0, seconds: 0, bad: 0 }
  const level = Math.min(5, Math.floor(Math.log10(1 + perSecond * 3)))
  const dots = isCrossing ? 3 : 1 + level
  const bad = isCrossing ? dots : errors === 0 ? 0 : Math.max(1, Math.round(dots * errors))
  return { dots, seconds: 3.2 - level * 0.38, bad }
}

/** The dots of one link. `path` stands in the drawing, `radius` is in pixels. */
export function travellers(path, { dots, seconds, bad }, radius) {
  if (dots === 0) return []
  const way = keyframes(path, radius, seconds * 1000)
  return Array.from({ length: dots }, (_, index) => {
    const dot = h('i', { class: index < bad ? 'traveller bad' : 'traveller' })
    dot.style.width = dot.style.height = `${(2 * radius).toFixed(1)}px`
    const delay = (-1000 * seconds * index) / dots
    dot.animate(way, { duration: seconds * 1000, delay, iterations: Infinity })
    return dot
  })
}

function keyframes(path, radius, duration) {
  const length = path.getTotalLength()
  const steps = Math.max(2, Math.ceil(length / stepLength))
  const fade = fadeMs / duration
  const offsets = [...Array.from({ length: steps + 1 }, (_, step) => step / steps), fade, 1 - fade]
  return offsets
    .toSorted((a, b) => a - b)
    .map((offset) => {
      const { x, y } = path.getPointAtLength(length * offset)
      const opacity = Math.min(1, offset / fade, (1 - offset) / fade)
      return { offset, opacity, transform: `translate(${(x - radius).toFixed(1)}px, ${(y - radius).toFixed(1)}px)` }
    })
}
