using System.Diagnostics.CodeAnalysis;
using AuthMesh.Errors;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Keys;

/// <summary>One running process that checks tokens, as it reported itself: a gateway, a resource service, an identity service.</summary>
internal sealed class Verifier
{
    public const int MaximumNameLength = 200;

    public static readonly Failure InvalidName = CommonFailures.InvalidRequest(
        new Dictionary<string, string[]> { ["name"] = [$"must be 1 to {MaximumNameLength} characters without control characters"] });

    public static readonly Failure InvalidInstance = CommonFailures.InvalidRequest(
        new Dictionary<string, string[]> { ["instance"] = ["must be an id such as 01a206df-fd48-7e5c-bf0e-4b06949bffdd"] });

    private Verifier()
    {
    }

    /// <summary>A new id at each start of the process.</summary>
    public Guid Instance { get; private set; }

    /// <summary>The service and its machine, for people.</summary>
    public string Name { get; private set; } = null!;

    /// <summary>The signing keys that it holds. A new key signs only after every verifier holds it.</summary>
    public string[] KeyIds { get; private set; } = [];

    /// <summary>When it was last connected to the feed of an identity service replica.</summary>
    public DateTimeOffset SeenAt { get; private set; }

    public static bool IsName([NotNullWhen(true)] string? name) => name is { Length: > 0 and <= MaximumNameLength }
        && !name.Any(char.IsControl);
}

internal sealed class VerifierMapping : IEntityTypeConfiguration<Verifier>
{
    public void Configure(EntityTypeBuilder<Verifier> verifier)
    {
        verifier.ToTable("verifiers");
        verifier.HasKey(v => v.Instance);
        verifier.Property(v => v.Instance).ValueGeneratedNever();
        verifier.Property(v => v.Name).HasMaxLength(Verifier.MaximumNameLength);
    }
}
