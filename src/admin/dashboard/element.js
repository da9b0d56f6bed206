// Elements from names, properties and children. Text only ever becomes text: names and paths that others wrote stay what they are.

/** `properties`: `class`, `data-*`, `aria-*` and other attributes; functions are listeners (`onclick`). Null ones are left out. */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children)
}

export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), properties, children)
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (name === 'value' || name === 'checked') element[name] = value
    else element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false))
  return element
}

export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat().filter(Boolean))
}

/** Sets text only when it changed, so that selections and readers are left in peace. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

let toastTimer

export function toast(text) {
  const place = document.getElementById('toasts')
  replace(place, h('p', { class: 'toast' }, text))
  clearTimeout(toastTimer)
  toastTimer = setTimeout(() => replace(place), 6000)
}
