package framelog

import (
	"strings"
	"unicode"
)

// family is a pair of labels that belong together. Which of the two is the
// command depends on who wrote the log: OUT is a command for a reader, IN for
// a simulated card.
type family uint8

const (
	famNone     family = iota
	famArrow           // > and <
	famInOut           // in, out
	famSend            // send, receive; tx, rx
	famSide            // to and from one side
	famCommand         // command, response
	famProgram         // the marks of one program, that are never turned
	famHexdump         // what stands under a heading
	famUnmarked        // none
)

// turns reports whether the labels may mean the other way round.
func (f family) turns() bool {
	return f != famProgram && f != famCommand && f != famNone && f != famUnmarked
}

// label is a row of the table of directions.
type label struct {
	words  string // in small letters
	dir    Direction
	fam    family
	strong bool // counts more than an arrow behind it
	verb   bool // other words may stand between it and the bytes
}

// labels are tried from the first: longer ones stand before their parts. Words
// in one, as BytesSending, are parted at capital letters.
var labels = [...]label{
	// Programs.
	{"codec rx sni card", ToReader, famProgram, true, false},
	{"codec rx sni reader", ToCard, famProgram, true, false},
	{"codec rx", ToCard, famProgram, true, false},
	{"codec tx", ToReader, famProgram, true, false},
	{"wcmd", ToCard, famProgram, true, false},
	{"nci x", ToCard, famProgram, true, false},
	{"nci r", ToReader, famProgram, true, false},
	{"b send buffer", ToCard, famProgram, true, false},
	{"b recv buffer", ToReader, famProgram, true, false},
	{"mcu", ToCard, famSide, false, false},
	{"send buffer", ToCard, famSend, true, true},
	{"recv buffer", ToReader, famSend, true, true},
	{"tx buffer", ToCard, famSend, true, true},
	{"rx buffer", ToReader, famSend, true, true},
	{"receive buffer", ToReader, famSend, true, true},
	{"poller", ToCard, famSide, false, false},

	// The two sides of an interface.
	{"c apdu", ToCard, famCommand, true, false},
	{"r apdu", ToReader, famCommand, true, false},
	{"capdu", ToCard, famCommand, true, false},
	{"rapdu", ToReader, famCommand, true, false},
	{"command apdu", ToCard, famCommand, true, false},
	{"response apdu", ToReader, famCommand, true, false},
	{"apdu command", ToCard, famCommand, true, false},
	{"apdu response", ToReader, famCommand, true, false},
	{"command response", ToReader, famCommand, true, false},
	{"outgoing apdu", ToCard, famProgram, true, false},
	{"incoming apdu", ToReader, famProgram, true, false},
	{"apdu out", ToCard, famInOut, true, false},
	{"apdu in", ToReader, famInOut, true, false},
	{"apdu tx", ToCard, famSend, true, false},
	{"apdu rx", ToReader, famSend, true, false},
	{"apdu sent", ToCard, famSend, true, false},
	{"apdu received", ToReader, famSend, true, false},
	{"to card", ToCard, famSide, true, false},
	{"to the card", ToCard, famSide, true, false},
	{"from card", ToReader, famSide, true, false},
	{"from the card", ToReader, famSide, true, false},
	{"to picc", ToCard, famSide, true, false},
	{"from picc", ToReader, famSide, true, false},
	{"to tag", ToCard, famSide, true, false},
	{"from tag", ToReader, famSide, true, false},
	{"reader to card", ToCard, famSide, true, false},
	{"card to reader", ToReader, famSide, true, false},
	{"pcd to picc", ToCard, famSide, true, false},
	{"picc to pcd", ToReader, famSide, true, false},

	// Verbs, and what they send.
	{"bytes sending", ToCard, famSend, true, true},
	{"bytes received", ToReader, famSend, true, true},
	{"bytes sent", ToCard, famSend, true, true},
	{"sending", ToCard, famSend, true, true},
	{"sent", ToCard, famSend, true, true},
	{"send", ToCard, famSend, true, true},
	{"sends", ToCard, famSend, true, true},
	{"transmit", ToCard, famSend, false, true},
	{"transmitting", ToCard, famSend, false, true},
	{"transmitted", ToCard, famSend, true, true},
	{"transceive", ToCard, famSend, false, true},
	{"tx", ToCard, famSend, true, true},
	{"received", ToReader, famSend, true, true},
	{"receive", ToReader, famSend, true, true},
	{"receiving", ToReader, famSend, true, true},
	{"receives", ToReader, famSend, true, true},
	{"recv", ToReader, famSend, true, true},
	{"recvd", ToReader, famSend, true, true},
	{"rcv", ToReader, famSend, true, true},
	{"rcvd", ToReader, famSend, true, true},
	{"recieved", ToReader, famSend, true, true}, //nolint:misspell // as people write it
	{"rx", ToReader, famSend, true, true},
	{"snd", ToCard, famSend, true, true},
	{"s", ToCard, famSend, false, false},
	{"r", ToReader, famSend, false, false},
	{"returns", ToReader, famCommand, true, true},
	{"returned", ToReader, famCommand, true, true},
	{"out", ToCard, famInOut, true, false},
	{"in", ToReader, famInOut, true, false},
	{"output", ToReader, famCommand, true, false},
	{"input", ToCard, famCommand, true, false},
	{"outgoing", ToCard, famInOut, true, false},
	{"incoming", ToReader, famInOut, true, false},
	{"response", ToReader, famCommand, true, true},
	{"responses", ToReader, famCommand, true, true},
	{"responded", ToReader, famCommand, true, true},
	{"resp", ToReader, famCommand, true, true},
	{"res", ToReader, famCommand, true, false},
	{"rsp", ToReader, famCommand, true, true},
	{"reply", ToReader, famCommand, true, true},
	{"answer", ToReader, famCommand, true, true},
	{"answered", ToReader, famCommand, true, true},
	{"respuesta", ToReader, famCommand, true, false},
	{"antwort", ToReader, famCommand, true, false},
	{"result", ToReader, famCommand, true, false},
	{"got", ToReader, famCommand, true, true},
	{"rapdu", ToReader, famCommand, true, false},
	{"command", ToCard, famCommand, true, true},
	{"cmd", ToCard, famCommand, true, true},
	{"request", ToCard, famCommand, true, true},
	{"req", ToCard, famCommand, true, false},
	{"query", ToCard, famCommand, true, false},
	{"apdu", ToCard, famCommand, false, true},
	{"wrote", ToCard, famSend, true, true},
	{"writing", ToCard, famSend, true, false},

	{"reading", ToReader, famSend, true, false},
	{"read", ToReader, famSend, false, false},
	{"write", ToCard, famSend, false, false},

	// In other languages.
	{"gesendet", ToCard, famSend, true, false},
	{"empfangen", ToReader, famSend, true, false},
	{"befehl", ToCard, famCommand, true, false},
	{"kommando", ToCard, famCommand, true, false},
	{"envoi", ToCard, famSend, true, false},
	{"commande", ToCard, famCommand, true, false},
	{"réponse", ToReader, famCommand, true, false},
	{"reponse", ToReader, famCommand, true, false}, //nolint:misspell // not English
	{"enviado", ToCard, famSend, true, false},
	{"enviando", ToCard, famSend, true, false},
	{"recibido", ToReader, famSend, true, false},
	{"comando", ToCard, famCommand, true, false}, //nolint:misspell // not English
	{"risposta", ToReader, famCommand, true, false},
	{"resposta", ToReader, famCommand, true, false},
	{"команда", ToCard, famCommand, true, false},
	{"ответ", ToReader, famCommand, true, false},
	{"发送", ToCard, famSend, true, false},
	{"接收", ToReader, famSend, true, false},
	{"返回", ToReader, famSend, true, false},

	// Who says it.
	{"reader", ToCard, famSide, false, false},
	{"rdr", ToCard, famSide, false, false},
	{"pcd", ToCard, famSide, false, false},
	{"host", ToCard, famSide, false, false},
	{"terminal", ToCard, famSide, false, false},
	{"phone", ToCard, famSide, false, false},
	{"card", ToReader, famSide, false, false},
	{"picc", ToReader, famSide, false, false},
	{"tag", ToReader, famSide, false, false},
	{"icc", ToReader, famSide, false, false},

	// The status of an answer, or all of an answer.
	{"sw1 sw2", ToReader, famCommand, true, false},
	{"sw", ToReader, famCommand, true, false},
	{"sw12", ToReader, famCommand, true, false},
	{"sw1", ToReader, famCommand, true, false},
	{"sw2", ToReader, famCommand, true, false},
	{"status word", ToReader, famCommand, true, false},
	{"status", ToReader, famCommand, false, false},

	// The rest of an answer, or of a command.
	{"data", ToReader, famCommand, false, false},
}

// byLast finds the labels by their last word.
var byLast = func() map[string][]*label {
	m := map[string][]*label{}
	for i := range labels {
		l := &labels[i]
		last := l.words[strings.LastIndexByte(l.words, ' ')+1:]
		m[last] = append(m[last], l)
	}
	return m
}()

// labelAt finds the label that ends with the last of the words.
func labelAt(words []string) *label {
	if len(words) == 0 {
		return nil
	}
	var best *label
	for _, l := range byLast[words[len(words)-1]] {
		n := strings.Count(l.words, " ") + 1
		if n <= len(words) && strings.Join(words[len(words)-n:], " ") == l.words && (best == nil || len(l.words) > len(best.words)) {
			best = l
		}
	}
	return best
}

// isStatus reports whether a label names the end of an answer.
func (l *label) isStatus() bool {
	switch l.words {
	case "sw", "sw12", "sw1", "sw2", "sw1 sw2", "status", "status word":
		return true
	}
	return false
}

// isSide reports whether a label names one who speaks.
func (l *label) isSide() bool { return l.fam == famSide && !strings.Contains(l.words, " ") }

// wants reports whether a sign must stand between a label and the bytes: the
// word alone means something else more often.
func (l *label) wants() bool {
	return l.isSide() || !l.verb && !strings.Contains(l.words, " ") && l.fam != famProgram
}

// nouns of what is no traffic. Bytes behind them were computed, or are known
// from elsewhere.
var noTraffic = wordSet("key keys keyno keynum rnda rndb randa randb rnd rand random iv session mac cmac crc crc16 crc32 uid atr ats atqa sak nfcid " +
	"decrypted decrypt decrypts deciphered decipher plain plaintext cleartext plaintexts decoded enciphered encrypted encrypt encryption decryption " +
	"encipher padded padding rotated shifted subkey subkeys k1 k2 sv1 sv2 ti hash digest signature nonce challenge concatenate concatenated " +
	"historical token cryptogram expected expect calculated computed buffered aid aids version decrype befor before serial password error errors failed warning")

// numbered are words that a number follows, and no bytes.
var numbered = wordSet("length size count timeout lun id index client protocol port retries attempt nc ne")

// secrets are words of lines whose digits are not shown.
var secrets = wordSet("key keys k1 k2 subkey subkeys rnda rndb randa randb rnd rand random session iv password secret nonce decrypted decrypt plain plaintext " +
	"deciphered encrypt encryption before token cryptogram")

func wordSet(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

func mentionsSecret(line string) bool {
	for _, w := range splitWords(line) {
		if secrets[w] {
			return true
		}
	}
	return false
}

// splitWords parts text at capitals and at what is no letter or digit, in small
// letters: BytesSending is two words, APDU one.
func splitWords(s string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		from := 0
		for i := 1; i < len(w); i++ {
			lower := w[i-1] >= 'a' && w[i-1] <= 'z'
			upper := w[i] >= 'A' && w[i] <= 'Z'
			ends := i+1 < len(w) && upper && w[i-1] >= 'A' && w[i-1] <= 'Z' && w[i+1] >= 'a' && w[i+1] <= 'z'
			if lower && upper || ends {
				out = append(out, strings.ToLower(w[from:i]))
				from = i
			}
		}
		out = append(out, strings.ToLower(w[from:]))
	}
	return out
}
