using AuthMesh.Errors;

namespace AuthMesh.Identity.Keys;

/// <summary>The key ring cannot sign an access token at the moment.</summary>
internal sealed class CannotSignException() : Exception("the key ring has no signing key that verifiers trust")
{
    public static readonly FailureRule Rule = new(exception => exception is CannotSignException
        ? CommonFailures.Unavailable("keys_unavailable", "Tokens cannot be issued right now")
        : null);
}
