# Reads and writes where it has no memory, in a machine of 16 MiB: the room above its memory, the room of devices up to 4 GiB, that of the
# first PC's devices, and, by tables of its own, one place for each further bit of an address. Then it tells
# "reached secrets <words of its neighbour's that it has read> kept <words that were there when it read them again, where nothing is>".
.include "enter.inc"
  xorl %ebp, %ebp               # secrets
  movl $0x1000000, %ebx
  movl $0x10000, %ecx
  movl $0xc0000000, %edi
  call sweep
  pushl kept
  movl $0xc0000000, %ebx
  movl $0x1000, %ecx
  xorl %edi, %edi
  call sweep
  movl $0xa0000, %ebx
  movl $0x100000, %edi
  call sweep

  # Paging with 64-bit entries and pages of 2 MiB: the first 16 MiB as they are, and a window at 1 GiB.
  movl $0x100000, %edi
  movl $0x1000, %ecx
  xorl %eax, %eax
  rep stosl
  movl $0x101001, 0x100000
  movl $0x102001, 0x100008
  movl $0x83, %eax
  movl $0x101000, %edi
map:
  movl %eax, (%edi)
  addl $8, %edi
  addl $0x200000, %eax
  cmpl $0x1000083, %eax
  jb map
  movl $0x83, 0x102000
  movl $1, 0x102004
  movl $0x100000, %eax
  movl %eax, %cr3
  movl %cr4, %eax
  orl $0x20, %eax
  movl %eax, %cr4
  movl %cr0, %eax
  orl $0x80000000, %eax
  movl %eax, %cr0
  movl $0x1000, %ecx
window:
  movl $0x40000000, %ebx
  invlpg (%ebx)
  movl $0x40200000, %edi
  call sweep
  shll $1, 0x102004
  cmpl $0x100, 0x102004         # 40 bits of address: what QEMU's processor has
  jb window

  movl $text, %esi
  call print
  movl %ebp, %eax
  call print_hex
  movl $text_kept, %esi
  call print
  popl %eax
  call print_hex
  movb $10, %al
  call put
stop:
  hlt
  jmp stop

# From ebx to before edi in steps of ecx.
sweep:
  movl (%ebx), %eax
  cmpl $SECRET, %eax
  jne 1f
  incl %ebp
1:
  movl $0x5ca1ab1e, (%ebx)
  cmpl $0x5ca1ab1e, (%ebx)
  jne 2f
  incl kept
2:
  addl %ecx, %ebx
  cmpl %edi, %ebx
  jne sweep
  ret

text:
  .asciz "reached secrets "
text_kept:
  .asciz " kept "
kept:
  .long 0
.org 510
.word 0xaa55
