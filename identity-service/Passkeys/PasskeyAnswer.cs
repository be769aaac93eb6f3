using System.Text.Json;

namespace AuthMesh.Identity.Passkeys;

/// <summary>The browser's answer in a request body: <c>credential</c> and <c>state</c>.</summary>
internal static class PasskeyAnswer
{
    /// <summary>Checks only the form. The handler alone reads the credential.</summary>
    public static Dictionary<string, string[]> FindFaults(JsonElement? credential, string? state)
    {
        var errors = new Dictionary<string, string[]>();
        if (credential?.ValueKind != JsonValueKind.Object)
        {
            errors["credential"] = [credential is null ? "is required" : "must be an object"];
        }

        if (state is null)
        {
            errors["state"] = ["is required"];
        }

        return errors;
    }
}
