// Package pn532 reaches cards by a PN532, the NFC chip on many boards for
// makers, through a serial port (its HSU), I2C or SPI.
package pn532
