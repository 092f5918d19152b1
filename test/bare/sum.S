# Fills a mebibyte with a word that is its own, and adds it up for ever: "sum <eight digits>" each time.
.include "enter.inc"
  movl $0x200000, %edi
  movl $0x40000, %ecx
  movl $SECRET, %eax
  rep stosl
round:
  movl $0x200000, %esi
  movl $0x40000, %ecx
  xorl %ebx, %ebx
add:
  roll $1, %ebx
  addl (%esi), %ebx
  addl $4, %esi
  loop add
  movl $text, %esi
  call print
  movl %ebx, %eax
  call print_hex
  movb $10, %al
  call put
  jmp round
text:
  .asciz "sum "
.org 510
.word 0xaa55
