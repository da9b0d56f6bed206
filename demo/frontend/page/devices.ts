// The lazily loaded part: asks for the devices over both of the story's ways, from the browser and from the page's server.
// Loaded by the first click only, so that a page that was opened earlier asks for a hashed file of its own build later.

import { listText } from '@version/list.ts'
import type { DeviceList } from './show.ts'

export { listText }

const calls = [
  { title: 'Browser call', path: '/api/devices', way: 'browser → edge → mqtt-server', header: 'x-version' },
  {
    title: 'Server-side call, by x-version',
    path: '/bff/devices',
    way: 'frontend server → graylane → mqtt-server, x-version handed on',
    header: 'x-backend-version',
  },
  {
    title: 'Server-side call, by source address',
    path: '/bff/by-address/devices',
    way: 'frontend server → graylane → mqtt-server, told by its address alone',
    header: 'x-backend-version',
  },
]

/** The lists of all calls, in the order above. Throws an Error that names the path when an answer is not a list. */
export function askForDevices(): Promise<DeviceList[]> {
  return Promise.all(calls.map(askOne))
}

async function askOne(call: (typeof calls)[number]): Promise<DeviceList> {
  const answer = await fetch(call.path)
  if (!answer.ok) throw new Error(`${call.path} answered ${answer.status}`)
  const body = (await answer.json()) as { message: string[] }
  return {
    title: call.title,
    way: call.way,
    path: call.path,
    version: answer.headers.get(call.header) ?? 'unknown',
    devices: body.message,
  }
}
