package main

// helpFaults is the page of sim.Faults for the command line.
const helpFaults = `
A fault is NAME[=VALUE][:OPTION,...][@CONDITION,...]; ";" separates several.

The power and the memory of the card:
  power-before, power-after  lost before the card executes, or before it answers
  tear=WHERE                 lost in a write to the memory: before, inside or
                             after it (:cells=N, finish)
  fail-write                 a write to the memory fails
The frames:
  delay=TIME, late=TIME      command or answer come later; late without a time:
                             as answer to the next command
  lose-command               the card does not see the command
  cut-command                it sees a beginning, and ignores it (:keep=N; with
                             :taken it takes it for a whole one)
  lose-answer                the reader gets no answer
  cut-answer                 it lacks its end (:drop=N, keep=N)
  flip-command, flip         a bit of command or answer is wrong (:bit=N, or
                             bits=N)
  repeat, foreign            the answer before, or one of another session
  forge=HEX                  this answer (:unseen, the card sees no command; of
                             repeat and foreign, too)
  reader=RATE                the time that a reader takes at 106, 212, 424 or
                             848 kbit/s (:card=TIME, write=TIME, host=TIME)
A relay:
  hold, deliver              keeps the command (:answer=HEX, shown meanwhile);
                             delivers it before another one (:after)
  insert=HEX                 gives the card a frame before the command (:after)
  keep-power                 hides activations: the card goes on as it was
The conditions; without one, every exchange:
  #3, #2..5, #4.., #..6      exchanges, counted over all activations
  C7, 0x54, Debit, C7#2      commands with this INS; the second of them
  every=N, p=0.01            each Nth of those; with this probability
  once, times=N              at most so often
  write=N                    the Nth write to the memory (tear, fail-write)
seed=N changes what p, flip and foreign draw.

  lose-answer@C7#1
      the first commit is done, and nobody is told
  flip@p=0.01; late=2s@Debit,once
      a bit in a hundred answers, and one answer late
  forge=9100:unseen@5A; insert=C7@6C
      a relay forges selections, and commits what pends

On a socket and in a virtual reader a missing answer ends the stay of the card:
the reader is told that it left, and activates it anew. A delay longer than the
patience of the reader is a silent card, which nobody else has meanwhile. With
sim.Faults in a Go program the card stays. docs/faults.md shows all of it played.
`
