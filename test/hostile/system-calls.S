# A program that makes the system calls that its arguments name, one after the other: what a guest could do that has broken
# out into its monitor. Static, without libc, so that it runs in a room with nothing in it. Build: build.sh.
#
#   system-calls NUMBER ARGUMENT... , NUMBER ARGUMENT... , ...
#
# An argument is a decimal number, "^" (what the call before returned), or "x" and hex digits: the address of those bytes.
# It ends with 0 when every call succeeded, else with the errno of the first that failed.

        .globl  _start
        .text
_start: leaq    16(%rsp), %r12          # argv[1]
        xorl    %ebx, %ebx              # the last result
        leaq    values(%rip), %r13
next_call:
        xorl    %r14d, %r14d            # values of this call so far
        movq    %r13, %rdi
        movl    $8, %ecx
        xorl    %eax, %eax
        rep stosq
next_word:
        movq    (%r12), %rsi
        addq    $8, %r12
        testq   %rsi, %rsi
        jz      call
        movzbl  (%rsi), %eax
        cmpb    $',', %al
        je      call
        cmpb    $'^', %al
        je      previous
        cmpb    $'x', %al
        je      bytes
        # a decimal number, perhaps negative
        xorl    %edx, %edx
        xorl    %edi, %edi
        cmpb    $'-', %al
        jne     digit
        incl    %edi
        incq    %rsi
digit:  movzbl  (%rsi), %eax
        subl    $'0', %eax
        cmpl    $9, %eax
        ja      signed
        imulq   $10, %rdx
        addq    %rax, %rdx
        incq    %rsi
        jmp     digit
signed: testl   %edi, %edi
        jz      take
        negq    %rdx
        jmp     take
previous:
        movq    %rbx, %rdx
        jmp     take
        # hex digits become bytes where they stand
bytes:  movq    %rsi, %rdx
        movq    %rsi, %rdi
        incq    %rsi
byte:   call    nibble
        js      take
        movl    %eax, %ecx
        shll    $4, %ecx
        call    nibble
        orl     %ecx, %eax
        stosb
        jmp     byte
take:   movq    %rdx, (%r13,%r14,8)
        incl    %r14d
        jmp     next_word

call:   movq    %rsi, %rbp              # 0 after the last word
        movq    (%r13), %rax
        movq    8(%r13), %rdi
        movq    16(%r13), %rsi
        movq    24(%r13), %rdx
        movq    32(%r13), %r10
        movq    40(%r13), %r8
        movq    48(%r13), %r9
        syscall
        movq    %rax, %rbx
        cmpq    $-4095, %rax
        jae     failed
        testq   %rbp, %rbp
        jnz     next_call
        xorl    %edi, %edi
        jmp     exit
failed: movl    %eax, %edi
        negl    %edi
exit:   movl    $231, %eax              # exit_group
        syscall

# The value of the digit at rsi, which it steps over; negative at the end.
nibble: movzbl  (%rsi), %eax
        testl   %eax, %eax
        jz      1f
        incq    %rsi
        subl    $'0', %eax
        cmpl    $9, %eax
        jbe     2f
        subl    $39, %eax               # 'a' - '0' - 10
2:      testl   %eax, %eax
        ret
1:      movl    $-1, %eax
        testl   %eax, %eax
        ret

        .bss
values: .skip   64
