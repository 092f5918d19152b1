# The self-test guest: a ROM that does what the first second of a 64-bit kernel does and then reports by its exit code.
# An accelerator on which this does not end with 67 does not run real guests, whatever else it can.
#   real mode -> protected mode -> page tables, PAE, long mode -> copy memory both ways and compare -> loop -> #UD through an IDT
# Build: tools/selftest-rom.sh. It lies at the end of the first MiB (0xf0000) and is entered at 0xffff:0 = its last 16 bytes.

        .set    ROM,        0xf0000
        .set    TABLES,     0x10000         # three pages: level 4, level 3, level 2 of the page tables
        .set    IDT,        0x14000
        .set    STACK,      0x1f000
        .set    SOURCE,     0x200000        # 512 KiB each, in the second and third 2-MiB page
        .set    TARGET,     0x400000
        .set    COPY_QUADS, 0x10000
        .set    LOOPS,      1000000
        .set    EXIT_PORT,  0xf4            # isa-debug-exit: QEMU ends with (value << 1) | 1
        .set    PASSED,     0x21            # so 67
        .set    FAILED,     0x22            # and 69

        .text
        .code16
rom:    cli
        cld
        lgdtl   %cs:(gdt_pointer - rom)
        movl    %cr0, %eax
        orl     $1, %eax                    # PE
        movl    %eax, %cr0
        ljmpl   $0x08, $(ROM + protected - rom)

        .code32
protected:
        movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $STACK, %esp
        # identity map of the first 8 MiB in 2-MiB pages
        movl    $TABLES, %edi
        xorl    %eax, %eax
        movl    $(3 * 1024), %ecx
        rep stosl
        movl    $(TABLES + 0x1000 + 3), TABLES          # present, writable
        movl    $(TABLES + 0x2000 + 3), TABLES + 0x1000
        movl    $0x83, %eax                             # present, writable, 2 MiB
        movl    $(TABLES + 0x2000), %edi
        movl    $4, %ecx
map:    movl    %eax, (%edi)
        addl    $0x200000, %eax
        addl    $8, %edi
        loop    map
        movl    %cr4, %eax
        orl     $0x20, %eax                             # PAE
        movl    %eax, %cr4
        movl    $TABLES, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx                       # EFER
        rdmsr
        orl     $0x100, %eax                            # LME
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000000, %eax                       # PG
        movl    %eax, %cr0
        ljmpl   $0x18, $(ROM + long - rom)

        .code64
long:   # a pattern, its copy from the end to the start, and a comparison from the start to the end
        movl    $SOURCE, %edi
        movl    $COPY_QUADS, %ecx
        movabsq $0x9e3779b97f4a7c15, %rdx
fill:   imulq   %rdx, %rax
        addq    %rcx, %rax
        stosq
        loop    fill
        movl    $(SOURCE + 8 * (COPY_QUADS - 1)), %esi
        movl    $(TARGET + 8 * (COPY_QUADS - 1)), %edi
        movl    $COPY_QUADS, %ecx
        std
        rep movsq
        cld
        movl    $SOURCE, %esi
        movl    $TARGET, %edi
        movl    $COPY_QUADS, %ecx
        repe cmpsq
        movb    $FAILED, %al
        jne     report
        movl    $LOOPS, %ecx
spin:   decl    %ecx
        jnz     spin
        # gate 6 of the IDT (#UD) leads to `undefined`
        movl    $(ROM + undefined - rom), %eax
        movl    $(IDT + 6 * 16), %edi
        movw    %ax, (%rdi)
        movw    $0x18, 2(%rdi)
        movw    $0x8e00, 4(%rdi)                        # present, interrupt gate
        shrl    $16, %eax
        movl    %eax, %edx
        movw    %dx, 6(%rdi)
        movq    $0, 8(%rdi)
        lidt    (ROM + idt_pointer - rom)
        ud2
        movb    $FAILED, %al                            # it did not trap
        jmp     report
undefined:
        movb    $PASSED, %al
report: outb    %al, $EXIT_PORT
rest:   hlt
        jmp     rest

        .balign 8
gdt:    .quad   0
        .quad   0x00cf9a000000ffff                      # 0x08 code, 32 bits
        .quad   0x00cf92000000ffff                      # 0x10 data
        .quad   0x00af9a000000ffff                      # 0x18 code, 64 bits
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   ROM + gdt - rom
idt_pointer:
        .word   7 * 16 - 1
        .quad   IDT
code_end:

        # What the processor executes first.
        .org    0xfff0
        .code16
        ljmp    $0xf000, $0
        .org    0x10000
