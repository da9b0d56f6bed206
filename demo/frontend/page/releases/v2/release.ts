// What is new in frontend v2: the text on its button.

export const release = { version: 'v2', button: 'V22' }
