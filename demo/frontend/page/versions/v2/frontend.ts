// What is new in frontend v2: the text on its button.

export const frontend = { version: 'v2', button: 'V22' }
