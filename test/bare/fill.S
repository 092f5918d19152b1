# Writes to every page of its memory above the first two MiB, in a machine of MEMORY MiB, again and again: "filled" each time.
.include "enter.inc"
again:
  movl $0x200000, %ebx
write:
  movl %ebx, (%ebx)
  addl $0x1000, %ebx
  cmpl $MEMORY << 20, %ebx
  jb write
  movl $text, %esi
  call print
  jmp again
text:
  .asciz "filled\n"
.org 510
.word 0xaa55
