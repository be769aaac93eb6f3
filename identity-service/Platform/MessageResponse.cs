namespace AuthMesh.Identity.Platform;

/// <summary>Done, and nothing more to say.</summary>
public sealed record MessageResponse(string Status, string Message);
