// Package tcp carries a card over a socket: a transport for the reader's side,
// and a server that presents a card.
//
// Both ways a frame is a two-byte big-endian length and that many bytes. The
// card is the server, and each connection is a new activation. A payload of one
// byte 00, 01, 02 or 04 is a control as vpcd has them: power off, power on,
// reset, and the request for the answer to reset, the only one with an answer. An
// empty frame that nobody has asked for, before the server ends the connection,
// says that another client has taken the card, which still lies there.
//
// There is no authentication and no encryption in it: keep it on the loopback
// interface, which is where [Listen] puts it unless told otherwise.
package tcp
