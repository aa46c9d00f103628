export const shown = true;
