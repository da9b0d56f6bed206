// What is new in frontend v3: the text on its button.

export const frontend = { version: 'v3', button: 'V33' }
