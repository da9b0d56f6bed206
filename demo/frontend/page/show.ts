// Writes what is known onto the page: rows of who answered, the lists, the verdict.
// Text goes in as text nodes only, never as HTML.

export interface DeviceList {
  readonly title: string
  readonly way: string
  readonly path: string
  /** Version that answered, as its header says. */
  readonly version: string
  readonly devices: readonly string[]
}

/** Sets the row of that request; adds it when it is new. */
export function showAnswer(request: string, version: string): void {
  const rows = document.querySelector('#answers')
  if (rows === null) return
  const known = [...rows.children].find((row) => row.firstElementChild?.textContent === request)
  const name = element('th', request)
  name.setAttribute('scope', 'row')
  const row = element('tr', name, element('td', version))
  if (known === undefined) rows.append(row)
  else known.replaceWith(row)
}

export function showLists(lists: readonly DeviceList[], heading: string): void {
  document.querySelector('#lists-heading')?.replaceChildren(heading)
  document.querySelector('#lists')?.replaceChildren(...lists.map(card))
}

export function showVerdict(text: string, state: 'open' | 'good' | 'bad'): void {
  const verdict = document.querySelector<HTMLElement>('#verdict')
  if (verdict === null) return
  verdict.dataset['state'] = state
  verdict.textContent = text
}

function card(list: DeviceList): HTMLElement {
  const names = list.devices.toSorted().map((device) => element('li', device))
  const article = element('article', element('h3', list.title), element('p', list.way), element('ul', ...names))
  article.dataset['path'] = list.path
  return article
}

function element(tag: string, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag)
  made.append(...children)
  return made
}
