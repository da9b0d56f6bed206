// What is new in frontend v1: the text on its button.

export const frontend = { version: 'v1', button: 'V11' }
