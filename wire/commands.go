package wire

import "iter"

// commands holds every command, by chapter of the command reference.
var commands = [...]*Spec{
	// data (9)
	&readDataSpec, &writeDataSpec,
	&getValueSpec, &creditSpec, &debitSpec, &limitedCreditSpec,
}

// Commands yields the declaration of every command.
func Commands() iter.Seq[*Spec] {
	return func(yield func(*Spec) bool) {
		for _, s := range commands {
			if !yield(s) {
				return
			}
		}
	}
}

// Find returns the declaration for class, INS and variant, or nil.
func Find(class Class, ins byte, variant string) *Spec {
	for _, s := range commands {
		if s.Class == class && s.INS == ins && s.Variant == variant {
			return s
		}
	}
	return nil
}
