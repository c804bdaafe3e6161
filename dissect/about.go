package dissect

import (
	"fmt"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// about is what a message is about, for a line of a list. opened tells that all
// of the command could be read.
func about(cmd wire.Command, rsp wire.Message, opened bool) string {
	if k := keyOf(cmd); k >= 0 {
		return fmt.Sprintf("key %v", wire.KeyNo(k))
	}
	file := ""
	if no, ok := wire.FileOf(cmd); ok {
		file = fmt.Sprintf("file %v", no)
	}
	switch c := cmd.(type) {
	case *wire.SelectApplication:
		if c.AID == wire.PICC {
			return "card"
		}
		return c.AID.String()
	case *wire.CreateApplication:
		return c.AID.String()
	case *wire.DeleteApplication:
		return c.AID.String()
	case *wire.ISOSelect:
		return isoSelected(c)
	case *wire.GetKeyVersion:
		words := fmt.Sprintf("key %v", c.Key)
		if v, ok := rsp.(*wire.KeyVersions); ok && len(v.Versions) == 1 {
			words += fmt.Sprintf(" = %v", v.Versions[0])
		}
		return words
	case *wire.ChangeKey:
		return fmt.Sprintf("key %v", c.Key&0x3F)
	case *wire.ChangeKeyEV2:
		return fmt.Sprintf("key %v of set %v", c.Key, c.Set)
	case *wire.GetValue:
		if v, ok := rsp.(*wire.Value); ok {
			return fmt.Sprintf("%s = %d", file, v.Value)
		}
	case *wire.Debit:
		return amountWords(file, c.Amount, opened)
	case *wire.Credit:
		return amountWords(file, c.Amount, opened)
	case *wire.LimitedCredit:
		return amountWords(file, c.Amount, opened)
	case *wire.ReadData:
		return file + lengthWords(rsp, c.Length)
	case *wire.WriteData:
		return dataWords(file, c.Data, opened)
	case *wire.WriteRecord:
		return dataWords(file, c.Data, opened)
	case *wire.ReadRecords:
		if c.Count == 1 {
			return fmt.Sprintf("%s, record %d", file, c.Record)
		}
		return file
	case *wire.CommitReaderID:
		if opened {
			return fmt.Sprintf("…%X", c.TMRI[14:])
		}
	case *wire.CommitTransaction:
		if r, ok := rsp.(*wire.CommitTransactionResponse); ok && r.HasTMAC {
			return fmt.Sprintf("no. %d", r.TMC)
		}
	case *wire.GetVersion:
		if v, ok := rsp.(*wire.Version); ok {
			return v.Product()
		}
	case *wire.FreeMemory:
		if v, ok := rsp.(*wire.Memory); ok {
			return fmt.Sprintf("%d bytes", v.Bytes)
		}
	case *wire.GetCardUID:
		if v, ok := rsp.(*wire.CardUID); ok {
			return fmt.Sprintf("%X", v.UID)
		}
	}
	return file
}

func isoSelected(c *wire.ISOSelect) string {
	switch {
	case string(c.Name) == string(wire.PICCName[:]):
		return "card"
	case len(c.Name) > 0:
		return fmt.Sprintf("name %X", c.Name)
	case c.FID != 0:
		return fmt.Sprintf("identifier %04X", uint16(c.FID))
	}
	return ""
}

func amountWords(file string, n int32, opened bool) string {
	if !opened {
		return file
	}
	return fmt.Sprintf("%s, %d", file, n)
}

func lengthWords(rsp wire.Message, n uint32) string {
	switch r, ok := rsp.(*wire.Data); {
	case ok:
		return ", " + count(len(r.Data), "byte")
	case n == 0:
		return ", all"
	}
	return ", " + count(int(n), "byte")
}

func dataWords(file string, data []byte, opened bool) string {
	if !opened {
		return file
	}
	return fmt.Sprintf("%s, %s", file, count(len(data), "byte"))
}

// shortWords are a command that changes something, for a list of what is
// pending.
func shortWords(cmd wire.Command) string {
	switch c := cmd.(type) {
	case *wire.Debit:
		return fmt.Sprintf("debit %d of file %v", c.Amount, c.File)
	case *wire.Credit:
		return fmt.Sprintf("credit %d to file %v", c.Amount, c.File)
	case *wire.LimitedCredit:
		return fmt.Sprintf("limited credit %d to file %v", c.Amount, c.File)
	}
	if no, ok := wire.FileOf(cmd); ok {
		return fmt.Sprintf("%s to file %v", cmd.Spec().Name, no)
	}
	return cmd.Spec().Name
}

const untilCommit = "Nothing has changed on the card yet: it waits until CommitTransaction."

// did says in a sentence what a command did that succeeded, and what else there
// is to know.
func did(cmd wire.Command, rsp wire.Message, opened bool, d *dissector, t *trace.Message) (sentence, more string) {
	file := ""
	if no, ok := wire.FileOf(cmd); ok {
		file = fmt.Sprintf("file %v", no)
	}
	what := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }
	amount := func(n int32) string {
		if !opened {
			return "an amount that cannot be read here"
		}
		return fmt.Sprint(n)
	}
	switch c := cmd.(type) {
	case *wire.SelectApplication:
		more = "A selection ends the session and drops what is pending."
		if c.AID == wire.PICC {
			return "Goes to the card itself, outside of all applications.", more
		}
		return what("Goes to application %v.", c.AID), more
	case *wire.ISOSelect:
		return what("Selects %s.", joinedBy("by ISO 7816-4", isoSelected(c), ": ")), ""
	case *wire.Debit:
		return what("Takes %s from %s.", amount(c.Amount), file), untilCommit
	case *wire.Credit:
		return what("Adds %s to %s.", amount(c.Amount), file), untilCommit
	case *wire.LimitedCredit:
		return what("Gives %s back to %s.", amount(c.Amount), file), untilCommit
	case *wire.GetValue:
		if v, ok := rsp.(*wire.Value); ok {
			return what("%s holds %d.", upper(file), v.Value), "What is pending is not in it."
		}
		return what("Reads the value of %s.", file), ""
	case *wire.ReadData:
		if r, ok := rsp.(*wire.Data); ok {
			return what("Reads %s from %s, from byte %d on.", count(len(r.Data), "byte"), file, c.Offset), ""
		}
		return what("Reads from %s, from byte %d on.", file, c.Offset), ""
	case *wire.WriteData:
		n := "data that cannot be read here"
		if opened {
			n = count(len(c.Data), "byte")
		}
		if d.belief.types[placeOf(t, c.File)] == wire.FileBackup {
			more = untilCommit
		}
		return what("Writes %s into %s, from byte %d on.", n, file, c.Offset), more
	case *wire.WriteRecord:
		return what("Writes into a new record of %s.", file), untilCommit
	case *wire.CommitTransaction:
		if r, ok := rsp.(*wire.CommitTransactionResponse); ok && r.HasTMAC {
			return what("Everything that was pending has happened, as transaction %d.", r.TMC), "The transaction MAC proves it to a back end that has its key."
		}
		return "Everything that was pending has happened.", ""
	case *wire.AbortTransaction:
		return "What was pending is dropped: nothing of it has happened.", ""
	case *wire.CommitReaderID:
		return "Puts the identifier of this reader into the transaction.", "It goes into the transaction MAC, so that a back end knows who committed."
	case *wire.GetVersion:
		if v, ok := rsp.(*wire.Version); ok {
			return what("The card says it is a %s.", v.Product()), ""
		}
	case *wire.GetFileSettings:
		if s, ok := rsp.(*wire.FileSettings); ok {
			return what("%s is a %v file, data travel %s.", upper(file), s.Type, modeName(s.Option.Comm())), what("Rights: %v.", s.Access)
		}
	case *wire.ChangeKey, *wire.ChangeKeyEV2:
		return "Replaces a key.", "The new key is not shown. It travels enciphered."
	case *wire.CreateApplication:
		return what("Makes application %v.", c.AID), ""
	case *wire.DeleteApplication:
		return what("Deletes application %v with all its files.", c.AID), ""
	case *wire.DeleteFile:
		return what("Deletes %s.", file), "Its memory comes back when the card is formatted, and not before."
	case *wire.FormatPICC:
		return "Deletes all applications of the card.", ""
	case *wire.GetCardUID:
		if v, ok := rsp.(*wire.CardUID); ok {
			return what("The card's own number is %X.", v.UID), ""
		}
	case *wire.GetApplicationIDs:
		if v, ok := rsp.(*wire.ApplicationIDs); ok {
			return what("The card has %s.", count(len(v.AIDs), "application")), ""
		}
	case *wire.GetFileIDs:
		if v, ok := rsp.(*wire.FileIDs); ok {
			return what("The application has %s.", count(len(v.Files), "file")), ""
		}
	case *wire.FreeMemory:
		if v, ok := rsp.(*wire.Memory); ok {
			return what("%s of memory are left.", count(int(v.Bytes), "byte")), ""
		}
	}
	return "", ""
}
