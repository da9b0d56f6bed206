// What frontend v3 calls its list; only the lazily loaded part knows it.

export const listText = { version: 'v3', heading: 'Devices online' }
