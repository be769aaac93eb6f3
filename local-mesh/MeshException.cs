namespace AuthMesh.LocalMesh;

/// <summary>Something that a person has to put right: the message says what is wrong and what to do, and needs no stack trace.</summary>
public sealed class MeshException(string message) : Exception(message);
