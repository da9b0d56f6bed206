// The page of one version: says which version each of its own parts is, and loads the device lists on a click.
// It asks for its lists by relative paths and never names a version: which one answers is the edge's business. The first import lets two
// tabs of two versions stay apart.

// oxlint-disable-next-line import/no-unassigned-import -- it works by being loaded
import 'graylane/page'
import { frontend } from '@version/frontend.ts'
import { showAnswer, showLists, showVerdict } from './show.ts'

const pageVersion = document.documentElement.dataset['version'] ?? ''

showAnswer('Page', pageVersion)
showAnswer('Script', frontend.version)
showAnswer('Style', getComputedStyle(document.documentElement).getPropertyValue('--version').replaceAll('"', ''))

const button = document.querySelector<HTMLButtonElement>('#load')
if (button !== null) {
  button.textContent = frontend.button
  button.addEventListener('click', () => void loadDevices(button))
}

async function loadDevices(pressed: HTMLButtonElement): Promise<void> {
  pressed.disabled = true
  showVerdict('Loading…', 'open')
  try {
    const lazy = await import('./devices.ts')
    showAnswer('Lazy chunk', lazy.listText.version)
    const lists = await lazy.askForDevices()
    for (const list of lists) showAnswer(list.title, list.version)
    showLists(lists, lazy.listText.heading)
    showVerdict(...judge([...document.querySelectorAll('#answers td')].map((cell) => cell.textContent ?? '')))
  } catch (error) {
    showVerdict(`The devices could not be loaded: ${error instanceof Error ? error.message : String(error)}`, 'bad')
  } finally {
    pressed.disabled = false
  }
}

function judge(versions: readonly string[]): [text: string, state: 'good' | 'bad'] {
  const strangers = new Set(versions.filter((version) => version !== pageVersion))
  return strangers.size === 0
    ? [`Everything came from ${pageVersion}. Nothing crossed.`, 'good']
    : [`Versions crossed: this page is ${pageVersion}, but ${[...strangers].join(', ')} answered too.`, 'bad']
}
