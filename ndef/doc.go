// Package ndef is the NFC Forum's Type 4 Tag on DESFire and NTAG 424 DNA: what
// phones read.
//
// A tag is an application with the name D2760000850101. Its file E103, the
// capability container ([CC]), says where the message is, as a rule in file
// E104. [Open], [Tag.Read] and [Tag.Write] go through that with any card that
// runs commands, [Layout.Commands] makes a DESFire card (EV1 and later) such a
// tag. [Parse] and [Message.Encode] need no card.
//
// Message and records follow the NFC Forum's NDEF 1.0 and its record types, the
// files its Type 4 Tag specification 2.0 and 3.0.
package ndef
