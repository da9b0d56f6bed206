// What frontend v2 calls its list; only the lazily loaded part knows it.

export const listText = { version: 'v2', heading: 'Connected devices' }
