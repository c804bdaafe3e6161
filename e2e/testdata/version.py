"""Prints the ATR of the card in a reader and the answers to GetVersion, wrapped, native, wrapped."""
import sys
from smartcard.System import readers


def send(command):
    data, sw1, sw2 = connection.transmit(command)
    answer = bytes(data + [sw1, sw2])
    print(bytes(command).hex(), answer.hex())
    return answer


reader = [r for r in readers() if str(r) == sys.argv[1]][0]
connection = reader.createConnection()
connection.connect()
print("ATR", bytes(connection.getATR()).hex())
for _ in range(2):
    command = [0x90, 0x60, 0, 0, 0]
    while send(command)[-1] == 0xAF:
        command = [0x90, 0xAF, 0, 0, 0]
    command = [0x60]
    while send(command)[0] == 0xAF:
        command = [0xAF]
