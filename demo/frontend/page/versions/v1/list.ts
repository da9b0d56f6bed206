// What frontend v1 calls its list; only the lazily loaded part knows it.

export const listText = { version: 'v1', heading: 'Device list' }
