"""Kernel module: the classic BPF machine, run over the frames of a block.

Called by ``bpf.FilteredSource`` with a program from libpcap's compiler. Semantics are libpcap's ``bpf_filter.c``:
a load beyond the captured bytes and a division by zero refuse the packet, arithmetic is modulo 2^32, a shift of 32
or more gives 0. Whatever else is wrong (unknown code, jump out of the program, no return) refuses it too.

An instruction is a row (code, jump if true, jump if false, k). The code's fields (McCanne and Jacobson 1993, §3.3)::

    bits 0-2 class: 0 ld 1 ldx 2 st 3 stx 4 alu 5 jmp 6 ret 7 misc
    bits 3-4 size: 0 word 1 half 2 byte       bits 5-7 mode: 0 imm 1 abs 2 ind 3 mem 4 len 5 msh
    bits 4-7 operation of alu, jmp, misc      bit 3 source: 0 k, 1 X (for ret bit 4: A)
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be16, be32, u8
from flowclass.jit import entry, kernel

#: Scratch words (BPF_MEMWORDS).
MEMORY_WORDS = 16
#: Steps before a packet is refused: only ``protochain`` loops, and then over a frame of 256 KiB at most.
MAXIMUM_STEPS = 1_000_000
#: What ``accepted`` holds before a packet has met its program.
UNDECIDED = 2
LINKTYPE_NULL = 0
LINKTYPE_LOOP = 108

_WORD = 0xFFFFFFFF
_LD, _LDX, _ST, _STX, _ALU, _JMP, _RET = 0, 1, 2, 3, 4, 5, 6
_SIZE_WORD, _SIZE_HALF, _SIZE_BYTE = 0, 1, 2
_IMM, _ABS, _IND, _MEM, _LEN, _MSH = 0, 1, 2, 3, 4, 5
_ADD, _SUB, _MUL, _DIV, _OR, _AND, _LSH, _RSH, _NEG, _MOD, _XOR = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
_JA, _JEQ, _JGT, _JGE, _JSET = 0, 1, 2, 3, 4
_TAX, _TXA = 0x07, 0x87
#: Instead of a 32-bit value: refuse the packet.
_REFUSE = -1


@kernel
def _arithmetic(operation: int, a: int, b: int) -> int:
    """Return ``a operation b`` modulo 2^32, or _REFUSE; both are below 2^32."""
    result = _REFUSE
    if operation == _ADD:
        result = (a + b) & _WORD
    elif operation == _SUB:
        result = (a - b) & _WORD
    elif operation == _MUL:
        # 16 bits at a time: the whole product would pass 2^63
        result = (a * (b & 0xFFFF) + (((a * (b >> 16)) & 0xFFFF) << 16)) & _WORD
    elif operation == _DIV:
        result = a // b if b else _REFUSE
    elif operation == _MOD:
        result = a % b if b else _REFUSE
    elif operation == _OR:
        result = a | b
    elif operation == _AND:
        result = a & b
    elif operation == _XOR:
        result = a ^ b
    elif operation == _LSH:
        result = (a << b) & _WORD if b < 32 else 0
    elif operation == _RSH:
        result = a >> b if b < 32 else 0
    elif operation == _NEG:
        result = (-a) & _WORD
    return result


@kernel
def _holds(operation: int, a: int, b: int) -> int:
    """Return 1 or 0 for a conditional jump's test, _REFUSE for an unknown one."""
    if operation == _JEQ:
        return 1 if a == b else 0
    if operation == _JGT:
        return 1 if a > b else 0
    if operation == _JGE:
        return 1 if a >= b else 0
    if operation == _JSET:
        return 1 if a & b else 0
    return _REFUSE


@kernel
def run_program(  # noqa: C901  one machine, one loop: a helper that is handed arrays costs reference counts
    data: Any, frame: tuple[int, int], wirelen: int, program: Any, memory: Any
) -> int:
    """Run one program over one frame.

    Parameters
    ----------
    data : uint8[:]
    frame : (offset of the first byte, captured bytes)
    wirelen : bytes on the wire
    program : int64[n, 4], the instructions
    memory : int64[MEMORY_WORDS], scratch

    Returns
    -------
    0 to refuse, anything else to accept.
    """
    for word in range(MEMORY_WORDS):
        memory[word] = 0
    lo, caplen = frame
    a, x, pc = 0, 0, 0
    for _ in range(MAXIMUM_STEPS):
        if pc < 0 or pc >= program.shape[0]:
            return 0
        code, k = int(program[pc, 0]), int(program[pc, 3])
        kind = code & 7
        if kind <= _LDX:
            mode, size = code >> 5, (code >> 3) & 3
            value = _REFUSE
            if mode in (_ABS, _IND, _MSH):
                at = x + k if mode == _IND else k
                if size == _SIZE_WORD and at + 4 <= caplen:
                    value = be32(data, lo + at)
                elif size == _SIZE_HALF and at + 2 <= caplen:
                    value = be16(data, lo + at)
                elif size == _SIZE_BYTE and at < caplen:
                    value = u8(data, lo + at)
                    if mode == _MSH:
                        value = (value & 15) << 2
            elif mode == _IMM:
                value = k
            elif mode == _LEN:
                value = wirelen
            elif mode == _MEM and k < MEMORY_WORDS:
                value = int(memory[k])
            if value < 0:
                return 0
            if kind == _LD:
                a = value
            else:
                x = value
        elif kind == _JMP:
            operation = code >> 4
            if operation == _JA:
                # a signed distance: protochain jumps back
                pc += k - (_WORD + 1) if k > _WORD >> 1 else k
            else:
                holds = _holds(operation, a, x if code & 8 else k)
                if holds < 0:
                    return 0
                pc += int(program[pc, 2 - holds])
        elif kind == _ALU:
            a = _arithmetic(code >> 4, a, x if code & 8 else k)
            if a < 0:
                return 0
        elif kind == _RET:
            return a if code & 0x18 else k
        elif kind in (_ST, _STX):
            if k >= MEMORY_WORDS:
                return 0
            memory[k] = a if kind == _ST else x
        elif code == _TAX:
            x = a
        elif code == _TXA:
            a = x
        else:
            return 0
        pc += 1
    return 0


@kernel
def program_linktype(data: Any, ref: Any) -> int:
    """Return the link type whose program fits the frame.

    Notes
    -----
    libpcap compiles NULL's address family in this machine's byte order (little-endian); a frame from a big-endian
    machine begins with a zero byte and reads like LOOP, whose family is in network order.
    """
    linktype = int(ref["linktype"])
    if linktype == LINKTYPE_NULL and int(ref["caplen"]) > 0 and u8(data, int(ref["offset"])) == 0:
        return LINKTYPE_LOOP
    return linktype


@entry
def decide_packets(data: Any, refs: Any, linktype: int, program: Any, memory: Any, accepted: Any) -> int:
    """Run ``program`` over the undecided packets of one link type.

    Parameters
    ----------
    data, refs : the block
    linktype : as ``program_linktype`` gives it
    program, memory : see ``run_program``
    accepted : uint8[n]; UNDECIDED becomes 1 or 0

    Returns
    -------
    Link type of the first packet still undecided, -1 when there is none.
    """
    left = -1
    for i in range(refs.shape[0]):
        if accepted[i] != UNDECIDED:
            continue
        ref = refs[i]
        fits = program_linktype(data, ref)
        if fits == linktype:
            frame = (int(ref["offset"]), int(ref["caplen"]))
            accepted[i] = 1 if run_program(data, frame, int(ref["wirelen"]), program, memory) else 0
        elif left < 0:
            left = fits
    return left
