using System.Text.Json;
using AuthMesh.Client.Accounts;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Tour;

internal sealed record Step(string Title, StepRequest Request, Expectation Expected);

internal enum Carried
{
    Token,
    ForgedToken,
    RefreshToken,
    Cookie,
    LoginToken,
}

/// <summary>The code of a second factor that a request carries.</summary>
internal enum TypedCode
{
    Next,
    Wrong,
    Recovery,
}

/// <summary>What a step does with a stream.</summary>
internal enum StreamPart
{
    Open,
    End,
}

/// <summary>The user who sends a request, and the credential from earlier steps that the request carries.</summary>
internal sealed record Bearer(string Username, Carried Carries = Carried.Token)
{
    public override string ToString() => Carries switch
    {
        Carried.Token => $"{Username}'s token",
        Carried.ForgedToken => $"a forged copy of {Username}'s token",
        Carried.RefreshToken => $"{Username}'s refresh token",
        Carried.LoginToken => $"{Username}'s login token",
        _ => $"{Username}'s cookie",
    };
}

internal sealed record StepRequest(
    string Method, string Path, Credentials? Credentials = null, Bearer? Bearer = null, TypedCode? Code = null, StreamPart? Stream = null)
{
    public override string ToString()
    {
        if (Stream == StreamPart.End)
        {
            return $"the open {Method} {Path}";
        }

        if (Credentials is not null)
        {
            return $$"""{{Method}} {{Path}} {"username":"{{Credentials.Username}}","password":"..."}""";
        }

        var code = Code switch
        {
            null => "",
            TypedCode.Next => " and a code of the app",
            TypedCode.Wrong => " and a wrong code",
            _ => " and a recovery code",
        };
        return Bearer is null ? $"{Method} {Path}" : $"{Method} {Path} with {Bearer}{code}";
    }
}

internal sealed record Expectation(int Status, string Message, string? Code = null, string? Role = null)
{
    public bool BringsNewToken { get; init; }

    /// <summary>How long the mesh may take to give this answer.</summary>
    public TimeSpan Within { get; init; }

    public bool IsMetBy(Answer answer) =>
        answer.Status == Status
        && answer.Fields.Status == (Code is null ? "success" : "error")
        && answer.Fields.Code == Code
        && answer.Fields.Message == Message
        && (Role is null || Role == RoleIn(answer));

    public override string ToString() =>
        $"{Status} {Message}{(Code is null ? "" : $" ({Code})")}{(Role is null ? "" : $" (role {Role})")}"
        + (BringsNewToken ? ", with a new token" : "")
        + (Within > TimeSpan.Zero ? $", within {Within.TotalSeconds:0} s" : "");

    public static string? RoleIn(Answer answer) =>
        answer.Body is { } body && body.TryGetProperty("role", out var role) && role.ValueKind == JsonValueKind.String
            ? role.GetString()
            : null;
}

/// <summary>The result of a step. If no answer came, the message says why.</summary>
internal sealed record StepResult(Step Step, int? HttpStatus, string Message, string? Code, string? Role, bool IsAsExpected);
