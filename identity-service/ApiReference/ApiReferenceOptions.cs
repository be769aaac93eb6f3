namespace AuthMesh.Identity.ApiReference;

/// <summary>The section <c>Identity:ApiReference</c>: the page <c>/docs</c>.</summary>
public sealed class ApiReferenceOptions
{
    /// <summary>Where the page exists.</summary>
    public ReferenceVisibility Show { get; set; }
}

/// <summary>The environments in which the page <c>/docs</c> exists.</summary>
public enum ReferenceVisibility
{
    InDevelopment,
    Always,
    Never,
}
