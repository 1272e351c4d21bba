module.exports = require('../plugin/.config/.prettierrc.js');
